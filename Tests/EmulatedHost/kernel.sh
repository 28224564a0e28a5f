# Sourced by the scripts that boot an emulated host: the cloud kernel and its modules, downloaded and unpacked, not
# installed. Expects `skip MESSAGE` (does not return) and `$work`.
fetch_kernel() {
  if [ ! -f "$work/kernel/ready" ]; then
    rm -rf "$work/kernel" && mkdir -p "$work/kernel/download"
    local package
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends:.*linux-image-/ {print $2; exit}')
    [ -n "$package" ] || skip "apt does not know linux-image-cloud-amd64"
    (cd "$work/kernel/download" && apt-get download -q "$package" >/dev/null 2>&1) || skip "apt can't download $package"
    dpkg-deb -x "$work"/kernel/download/*.deb "$work/kernel"
    touch "$work/kernel/ready"
  fi
  kernel=$(echo "$work"/kernel/boot/vmlinuz-*)
  modules=$(echo "$work"/kernel/lib/modules/*)
}

# A module's file and, before it, those it depends on.
with_dependencies() {
  local file dependency
  file=$(find "$modules" -name "$1.ko*" -o -name "${1//_/-}.ko*" | head -n 1)
  [ -n "$file" ] || return 0
  for dependency in $(modinfo -F depends "$file" | tr , ' '); do with_dependencies "$dependency"; done
  echo "$file"
}

# Copies kvm_amd and what it needs to a folder, numbered in the order of loading.
copy_modules() {
  local order=0 file
  for file in $(with_dependencies kvm_amd | awk '!seen[$0]++'); do
    order=$((order + 1))
    cp "$file" "$1/$(printf %02d $order)-$(basename "$file")"
  done
}
