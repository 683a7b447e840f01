/* SPDX-License-Identifier: Apache-2.0
 * What generated code and the runtime say to each other: the descriptor that every compiled module exports, and the context of one run.
 * Users do not need this page; theirs is module.h.
 *
 * One run is one parallel region: every thread calls `entry(run, thread)`; all walk the same static list of kernels, each kernel takes its
 * share by (thread, threads), and they meet at barriers. All decisions that depend on data are taken alike by all threads after a barrier.
 * A thread that fails returns at once; the others learn of it at their next barrier, never wait for it, and return too. */
#ifndef TENSORWRIGHT_ARTIFACT_H
#define TENSORWRIGHT_ARTIFACT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TW_ARTIFACT_VERSION 3u
#define TW_DESCRIPTOR_SYMBOL "tensorwright_module"
#define TW_MAX_RANK 32

/* A dimension of an input or output: `size` if symbol is TW_FIXED, the value of symbols[symbol] if symbol is not negative, and known only
 * during the run if symbol is TW_COMPUTED (outputs alone). */
enum { TW_FIXED = -1, TW_COMPUTED = -2 };
typedef struct {
  int64_t size;
  int32_t symbol;
  int32_t reserved;
} tw_dimension;

/* DLPack's data type: code 0 int, 1 unsigned, 2 float, 4 bfloat, 6 bool. The types of inputs and outputs have whole bytes and one lane. */
typedef struct {
  uint8_t code, bits;
  uint16_t lanes;
} tw_dtype;

typedef struct {
  const char* name;
  tw_dtype dtype;
  int32_t rank;
  const tw_dimension* dimensions;
} tw_port; /* an input or an output */

/* A symbolic dimension: its bounds and divisibility (multiple 0 or 1: any) are checked before a run. Each symbol stands in at least one
 * input; its first place there, in the order of inputs and dimensions, gives it its value, and all later ones must agree. */
typedef struct {
  const char* name;
  int64_t minimum, maximum, multiple;
} tw_symbol;

/* What the profile prints about a kernel launch. Where it depends on symbols the descriptor has numbers for typical sizes, and a shape with
 * gaps, which `describe` fills: tw_session_launch gives both with the sizes of a run. */
typedef struct {
  const char* name;   /* symbol of the kernel */
  const char* origin; /* the model's nodes, "conv1+bn1+relu1" */
  const char* shape;  /* readable sizes, "1x56x56x64 -> 1x56x56x256"; in the descriptor with a gap "{}" for each size that symbols give */
  double flops, bytes, predicted_ns;
} tw_launch;

typedef struct tw_run tw_run;

/* Of the entry function's list: one kernel, or a barrier. A kernel takes addresses and sizes, each bases[base] + offset; which base is
 * what, the entry function knows, which fills them in. */
typedef struct {
  int64_t base, offset;
} tw_operand;

typedef struct {
  /* Null: all threads wait for each other. */
  void (*kernel)(tw_run*, const int64_t* values, int32_t thread, int32_t threads, unsigned char* scratch);
  const tw_operand* operands;
  int32_t operand_count;
  int32_t launch; /* its line in the descriptor's launches */
  int32_t shared; /* 0: thread 0 does all of it */
  int32_t reserved;
} tw_step;

/* What generated code may ask of the runtime. A function that fails has recorded an error in the run; generated code then returns at once
 * with a non-zero status. */
typedef struct {
  /* Waits until all threads of the run are here. Returns 0 to go on; not 0 when any thread has failed: return it. */
  int32_t (*barrier)(tw_run*, int32_t thread);
  /* Memory of this run, kept for the next one, named by a slot: for values whose size is known only during the run. Thread 0 calls. The
   * address, 64-byte aligned, is returned and stands in run->slots; null on failure. Asking again may move it and does not keep its bytes.
   */
  void* (*allocate)(tw_run*, int32_t slot, int64_t bytes);
  /* The memory of output `index`, once its shape is known; null on failure. Thread 0 calls. Not needed for outputs that run->outputs holds
   * from the start, and harmless. */
  void* (*output)(tw_run*, int32_t index, int32_t rank, const int64_t* shape);
  /* Records an error (1: the user's data, 2: unsupported, 3: internal) for tw_last_error; the first one of a run counts. Any thread calls.
   */
  void (*fail)(tw_run*, int32_t kind, const char* message);
  /* Goes through a part of the list, all threads alike. `values` has room for the operands of any step of it. Returns 0 to go on; not 0
   * when any thread has failed: return it. */
  int32_t (*walk)(tw_run*, int32_t thread, const tw_step* steps, int32_t count, const int64_t* bases, int64_t* values);
} tw_services;

struct tw_run {
  const tw_services* services;
  int32_t threads;
  int32_t profiling;
  const void* const* inputs;    /* dense, row major, aligned to their element */
  void** outputs;               /* those with a shape known before the run are there from its start; services->output fills the others */
  const int64_t* symbols;       /* values of the symbolic dimensions, in the descriptor's order */
  const int64_t* offsets;       /* what `plan` wrote */
  unsigned char* arena;         /* 64-byte aligned, at least as large as `plan` said; its first contents are undefined */
  unsigned char* scratch;       /* thread t's block begins at t * scratch_bytes */
  const unsigned char* weights; /* the module's constants: descriptor->weights */
  void* slots[1];               /* in truth slot_count of them: null until `allocate` is called in this run; all threads may read them */
};

typedef struct {
  uint32_t version; /* TW_ARTIFACT_VERSION */
  uint32_t size;    /* sizeof(tw_module_descriptor) */
  const char* name;
  const char* target;   /* "x86-64-v3" … */
  const char* features; /* CPU features that the code uses, as in /proc/cpuinfo, separated by commas */
  const char* producer; /* version of the compiler */
  int32_t input_count, output_count, symbol_count, launch_count, offset_count, slot_count;
  const tw_port* inputs;
  const tw_port* outputs;
  const tw_symbol* symbols;
  const tw_launch* launches;
  const unsigned char* weights; /* 64-byte aligned */
  int64_t weight_bytes;
  int64_t scratch_bytes; /* per thread, a multiple of 64 */
  /* How many nanoseconds a run takes on one thread, given the symbols' values; null: unknown. Short runs use only the caller. */
  double (*predict)(const int64_t* symbols);
  /* Given the symbols' values: writes the sizes for the gaps in the launches' shapes, in order, and flops, bytes and predicted_ns of each
   * launch that depends on them, where `amounts` holds the descriptor's. Null: none does. */
  void (*describe)(const int64_t* symbols, int64_t* sizes, double* amounts);
  /* Given the symbols' values: writes offset_count offsets, returns the arena's size; a negative size: the sizes overflow. Called when the
   * symbols change. Null: no offsets, no arena. */
  int64_t (*plan)(const int64_t* symbols, int64_t* offsets);
  int32_t (*entry)(tw_run* run, int32_t thread); /* 0 when all went well */
} tw_module_descriptor;

/* A module file is an ordinary shared library, the text of its features, and this trailer, so that it can be refused before the system's
 * loader touches it. */
#define TW_TRAILER_MAGIC "TWMODULE"
typedef struct {
  uint32_t version; /* TW_ARTIFACT_VERSION */
  uint32_t reserved;
  uint64_t library_bytes;  /* length of the library */
  uint64_t checksum;       /* of library and features: runtime/checksum.h */
  uint32_t features_bytes; /* length of the features, the descriptor's list without a final 0 */
  char machine[20];        /* "x86_64", filled up with 0 */
  char magic[8];           /* the last 8 bytes of the file */
} tw_trailer;

#ifdef __cplusplus
}
#endif
#endif
