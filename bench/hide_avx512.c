// SPDX-License-Identifier: Apache-2.0
// Preloaded into a process (LD_PRELOAD), lets it see a processor that ends at AVX2: engines that choose their code by CPUID then run what
// they would run on an older machine. Linux can make CPUID fault (arch_prctl(2), ARCH_CPUID) where processor and hypervisor support it; the
// handler asks the real one and takes the newer bits away. Threads inherit the setting, a new program does not, but loads this library
// again. A process that cannot be served so ends at once: a wrong measurement would be worse than none.
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { set_cpuid = 0x1012 }; // ARCH_SET_CPUID of asm/prctl.h
enum { instruction_bytes = 2 };

static struct sigaction before;

static long let_cpuid_run(int allowed) { return syscall(SYS_arch_prctl, set_cpuid, allowed); }

static unsigned bits(const int* numbers, int count) {
  unsigned mask = 0;
  for (int i = 0; i < count; ++i) mask |= 1u << numbers[i];
  return mask;
}
#define BITS(...) bits((const int[]){__VA_ARGS__}, (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)))

// The bits are those of Intel's Software Developer's Manual, volume 2A, CPUID, leaves 7, 1D, 1E and 24.
static void hide(unsigned leaf, unsigned subleaf, unsigned r[4]) {
  if (leaf == 7 && subleaf == 0) {
    r[1] &= ~BITS(16, 17, 21, 26, 27, 28, 30, 31); // AVX-512: F, DQ, IFMA, PF, ER, CD, BW, VL
    r[2] &= ~BITS(1, 6, 11, 12, 14);               // VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ
    r[3] &= ~BITS(2, 3, 8, 22, 23, 24, 25);        // 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, FP16, AMX-TILE, AMX-INT8
  } else if (leaf == 7 && subleaf == 1) {
    r[0] &= ~BITS(4, 5, 21, 23);        // AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA
    r[3] &= ~BITS(4, 5, 8, 10, 19, 21); // AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10, APX
  } else if (leaf == 0x1d || leaf == 0x1e || leaf == 0x24) {
    r[0] = r[1] = r[2] = r[3] = 0; // AMX, AVX10
  }
}

static void answer(int number, siginfo_t* information, void* pointer) {
  greg_t* registers = ((ucontext_t*)pointer)->uc_mcontext.gregs;
  const unsigned char* code = (const unsigned char*)registers[REG_RIP];
  if (information->si_code <= 0 || information->si_addr != NULL || code[0] != 0x0f || code[1] != 0xa2) {
    // A fault of the program's own happens again, with its own handler.
    sigaction(number, &before, NULL);
    return;
  }
  unsigned r[4];
  const unsigned leaf = (unsigned)registers[REG_RAX], subleaf = (unsigned)registers[REG_RCX];
  let_cpuid_run(1);
  __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
  let_cpuid_run(0);
  hide(leaf, subleaf, r);
  registers[REG_RAX] = r[0];
  registers[REG_RBX] = r[1];
  registers[REG_RCX] = r[2];
  registers[REG_RDX] = r[3];
  registers[REG_RIP] += instruction_bytes;
}

__attribute__((constructor)) static void begin(void) {
  struct sigaction action = {0};
  action.sa_sigaction = answer;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGSEGV, &action, &before) != 0 || let_cpuid_run(0) != 0) {
    static const char text[] = "AVX-512 cannot be hidden: this processor or hypervisor does not let CPUID fault\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(77);
  }
}
