// Loops of one class of instructions each, and a bare machine image that times them: what binary translation makes of
// them is measured by running the same bytes natively and under QEMU's translator.
#if defined(__linux__) && defined(__x86_64__)

// ---- the loops: RDI turns, RSI a buffer of 16 KiB; eight instructions of the class a turn ----

.macro loop_of name
  .globl translation_\name
  translation_\name:
.endm

.section .text.translation, "ax", @progbits
.balign 4096
.code64
.globl translation_image
translation_image:

// Multiboot header with the load addresses of a flat image (Multiboot specification 0.6.96, section 3.1).
.equ BASE, 0x100000
.equ MAGIC, 0x1badb002
.equ FLAGS, 0x00010000
.long MAGIC, FLAGS, -(MAGIC + FLAGS)
.long BASE                                        // header
.long BASE                                        // start of what is loaded
.long BASE + translation_image_end - translation_image  // end of it
.long BASE + 0x20000                              // end of zeroed memory
.long BASE + entry - translation_image            // entry

.globl translation_image_turns
translation_image_turns: .quad 0
.globl translation_image_rounds
translation_image_rounds: .quad 0

.balign 16
loop_of integer
1: add %rdi, %rax
  imul $3, %rax, %rax
  xor %rdi, %rax
  rol $7, %rax
  lea 5(%rax, %rdi), %rax
  sub %rdi, %rax
  shr $1, %rax
  or $1, %rax
  dec %rdi
  jnz 1b
  ret

.balign 16
loop_of floating
  mov $0x3ff0000000000001, %rax
  movq %rax, %xmm0
  movq %rax, %xmm1
1: mulsd %xmm1, %xmm0
  addsd %xmm1, %xmm0
  mulsd %xmm1, %xmm0
  subsd %xmm1, %xmm0
  mulsd %xmm1, %xmm0
  addsd %xmm1, %xmm0
  mulsd %xmm1, %xmm0
  subsd %xmm1, %xmm0
  dec %rdi
  jnz 1b
  ret

.balign 16
loop_of memory
1: mov %rdi, %rax
  and $0x3fc0, %eax
  mov (%rsi, %rax), %rdx
  mov 8(%rsi, %rax), %rcx
  mov %rdx, 16(%rsi, %rax)
  mov %rcx, 24(%rsi, %rax)
  mov 32(%rsi, %rax), %rdx
  mov %rdx, 40(%rsi, %rax)
  dec %rdi
  jnz 1b
  ret

// Calls, returns and branches that go either way.
.balign 16
loop_of branches
1: test $1, %dil
  jz 2f
  call 3f
2: test $2, %dil
  jz 2f
  call 3f
2: test $4, %dil
  jnz 2f
  jmp 2f
2: dec %rdi
  jnz 1b
3: ret

// ---- entry in 32-bit mode, as Multiboot leaves the machine ----
.code32
entry:
  mov $(BASE + 0x1f000), %esp
  // One page directory of 2 MiB pages for the first gigabyte; tables at BASE + 0x10000.
  mov $(BASE + 0x10000), %edi
  movl $(BASE + 0x11000 + 7), (%edi)
  movl $(BASE + 0x12000 + 7), 0x1000(%edi)
  xor %ecx, %ecx
1: mov %ecx, %eax
  shl $21, %eax
  or $0x87, %eax
  mov %eax, 0x2000(%edi, %ecx, 8)
  inc %ecx
  cmp $512, %ecx
  jb 1b
  mov %edi, %cr3
  mov %cr4, %eax
  or $0x620, %eax                                 // PAE, OSFXSR, OSXMMEXCPT
  mov %eax, %cr4
  mov $0xc0000080, %ecx
  rdmsr
  or $0x100, %eax                                 // long mode
  wrmsr
  mov %cr0, %eax
  and $0xfffffffb, %eax                           // no emulation of the FPU
  or $0x80000002, %eax                            // paging, monitor
  mov %eax, %cr0
  lgdt BASE + descriptor - translation_image
  ljmp $8, $(BASE + long_mode - translation_image)

.balign 8
table: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
descriptor:
  .word 23
  .long BASE + table - translation_image

.code64
long_mode:
  mov $16, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov $(BASE + 0x1f000), %esp
  mov $(BASE + 0x14000), %ebp                     // the buffer
  mov translation_image_rounds(%rip), %r15
round:
  lea translation_integer(%rip), %r14
  call timed
  lea translation_floating(%rip), %r14
  call timed
  lea translation_memory(%rip), %r14
  call timed
  lea translation_branches(%rip), %r14
  call timed
  dec %r15
  jnz round
  // The device that ends QEMU.
  mov $0xf4, %edx
  xor %eax, %eax
  outl %eax, %dx
1: hlt
  jmp 1b

// Runs the loop at R14 and writes its TSC cycles to the debug console, lowest byte first.
timed:
  rdtsc
  shl $32, %rdx
  or %rdx, %rax
  mov %rax, %r12
  mov translation_image_turns(%rip), %rdi
  mov %rbp, %rsi
  call *%r14
  rdtsc
  shl $32, %rdx
  or %rdx, %rax
  sub %r12, %rax
  mov $8, %ecx
1: outb %al, $0xe9
  shr $8, %rax
  dec %ecx
  jnz 1b
  ret

.globl translation_image_end
translation_image_end:

.section .note.GNU-stack, "", @progbits
#endif
