// Guest code, as bytes that programs are assembled from. All of it is position-independent.
//
// Registers of a program:
//   R8   iterations left                 R12  TSC at the start
//   R9   bytes between touches           R13  result: TSC cycles of the loop
//   RSI  cursor in the cold area         R14  device window (CKVM_WINDOW)
//   R10  cursor in the refill area       R15  the first page of the warm area
//   RDI  cursor in the warm area         R11  where the next exception goes
//   RBP  the register that ends a run    RAX, RBX, RCX, RDX  scratch
#if defined(__linux__) && defined(__x86_64__)

.macro block name
  .globl ckvm_code_\name
  .globl ckvm_code_\name\()_end
  ckvm_code_\name:
.endm
.macro endblock name
  ckvm_code_\name\()_end:
.endm

.section .rodata
.code64

// ---- frame of a program ----

block start
  rdtsc
  shl $32, %rdx
  or %rdx, %rax
  mov %rax, %r12
endblock start

block finish
  rdtsc
  shl $32, %rdx
  or %rdx, %rax
  sub %r12, %rax
  mov %rax, %r13
  mov %eax, (%rbp)
1: jmp 1b
endblock finish

// ---- exception handlers ----

// What vector 3 and 6 run: the block has left its handler in R11.
block dispatch
  jmp *%r11
endblock dispatch

// Vector 14 brings an error code.
block dispatch_error_code
  add $8, %rsp
  jmp *%r11
endblock dispatch_error_code

block return
  iretq
endblock return

// The faulting instruction has two bytes.
block skip_and_return
  addq $2, (%rsp)
  iretq
endblock skip_and_return

// ---- computing ----

// `mov $count,%ecx` stands before it.
block compute
1: dec %rcx
  jnz 1b
endblock compute

block timestamp
  rdtsc
endblock timestamp

// ---- device accesses ----

block port_out_user
  outb %al, $0x10
endblock port_out_user
block port_in_user
  inb $0x10, %al
endblock port_in_user
block port_out_eventfd
  outb %al, $0x20
endblock port_out_eventfd
block mmio_write_user
  mov %eax, (%r14)
endblock mmio_write_user
block mmio_read_user
  mov (%r14), %eax
endblock mmio_read_user
block mmio_write_eventfd
  mov %eax, 0x100(%r14)
endblock mmio_write_eventfd
block mmio_write_coalesced
  mov %eax, 0x200(%r14)
endblock mmio_write_coalesced

// ---- memory ----

block touch_cold
  mov %al, (%rsi)
  add %r9, %rsi
endblock touch_cold
block touch_refill
  mov %al, (%r10)
  add %r9, %r10
endblock touch_refill
// The next page of the warm area, from the start again after the last: CKVM_AREA_SIZE - 1 and CKVM_WARM as masks.
block touch_warm
  mov (%rdi), %al
  add $0x1000, %edi
  and $0x1ffffff, %edi
  or $0xc000000, %edi
endblock touch_warm
block touch_same
  mov (%r15), %al
endblock touch_same

// Moves the first warm page's mapping (its entry at CKVM_WARM_ENTRY) between two frames.
block page_table_write
  mov 0x220000, %rax
  xor $0x1000, %rax
  mov %rax, 0x220000
endblock page_table_write
block invlpg
  invlpg (%r15)
endblock invlpg
block cr3_arguments
  mov $0x10000, %eax
endblock cr3_arguments
block cr3_write
  mov %rax, %cr3
endblock cr3_write
block cr3_read
  mov %cr3, %rax
endblock cr3_read

// ---- exceptions ----

block breakpoint
  int3
endblock breakpoint
block undefined_instruction
  ud2
endblock undefined_instruction
block fault_arguments
  mov $0x3e000000, %ecx
endblock fault_arguments
block page_fault
  mov (%rcx), %al
endblock page_fault

// ---- instructions that hypervisors intercept or emulate ----

block cpuid_arguments
  xor %eax, %eax
endblock cpuid_arguments
block cpuid
  cpuid
endblock cpuid

// IA32_TSC_ADJUST: intercepted by all backends, and writing what it holds changes nothing.
block msr_arguments
  mov $0x3b, %ecx
  xor %eax, %eax
  xor %edx, %edx
endblock msr_arguments
block msr_read
  rdmsr
endblock msr_read
block msr_write
  wrmsr
endblock msr_write

// An unknown number: KVM answers -ENOSYS.
block hypercall_arguments
  mov $99, %eax
endblock hypercall_arguments
block vmcall
  vmcall
endblock vmcall
block vmmcall
  vmmcall
endblock vmmcall

block halt
  hlt
endblock halt
block nothing_10
  nop; nop; nop; nop; nop; nop; nop; nop; nop; nop
endblock nothing_10

// x2APIC end of interrupt.
block eoi_arguments
  mov $0x80b, %ecx
  xor %eax, %eax
  xor %edx, %edx
endblock eoi_arguments
block eoi
  wrmsr
endblock eoi

// IA32_TSC_DEADLINE, far in the future.
block timer_arguments
  mov $0x6e0, %ecx
  mov $-1, %eax
  mov $0x7fffffff, %edx
endblock timer_arguments
block timer_program
  wrmsr
endblock timer_program

// ---- interrupts ----
// The shared page (CKVM_SHARED): +0 interrupts taken by vCPU 0, +8 by vCPU 1, +16 TSC of the last one,
// +24 deadline, +32 ready.

// Handler of a device interrupt on the vCPU whose counter R15 points to.
block interrupt_handler
  incq (%r15)
  mov $0x80b, %ecx
  xor %eax, %eax
  xor %edx, %edx
  wrmsr
  iretq
endblock interrupt_handler

// Handler of the timer: the time comes first.
block timer_handler
  rdtsc
  shl $32, %rdx
  or %rdx, %rax
  mov %rax, 16(%rbx)
  incq (%r15)
  mov $0x80b, %ecx
  xor %eax, %eax
  xor %edx, %edx
  wrmsr
  iretq
endblock timer_handler

// Spins at its own level, open to interrupts, until R8 of them came.
block spin
  movq $1, 32(%rbx)
1: cmp %r8, (%r15)
  jb 1b
endblock spin

// Halts until R8 interrupts came; the instruction that halts stands where the privilege for it is.
block open_interrupts
  sti
endblock open_interrupts
block halt_loop_kernel
  movq $1, 32(%rbx)
1: cli
  cmp %r8, (%r15)
  jae 2f
  sti
  hlt
  jmp 1b
2:
endblock halt_loop_kernel
block halt_loop_user
  movq $1, 32(%rbx)
1: int3
  cmp %r8, (%r15)
  jb 1b
endblock halt_loop_user
// Handler of that int3. An interrupt between the test and HLT is taken at once and HLT then waits for the next one, so
// the test is made again with interrupts closed.
block halt_handler
  cmp %r8, (%r15)
  jae 1f
  sti
  hlt
1: iretq
endblock halt_handler

// Sends vector 0x41 to vCPU 1 and waits for its counter, R8 times. RSI points to the sibling's counter.
block ipi_arguments
  mov $0x830, %ecx
  mov $0x41, %eax
  mov $1, %edx
endblock ipi_arguments
block ipi_wait
1: cmp %rdi, (%rsi)
  jb 1b
  inc %rdi
endblock ipi_wait

// Sets the deadline R9 cycles ahead and leaves it at +24.
block deadline_arguments
  rdtsc
  shl $32, %rdx
  or %rdx, %rax
  add %r9, %rax
  mov %rax, 24(%rbx)
  mov %rax, %rdx
  shr $32, %rdx
  mov $0x6e0, %ecx
endblock deadline_arguments

.section .note.GNU-stack,"",@progbits
#endif
