/* SPDX-License-Identifier: Apache-2.0
 * What generated code and the runtime say to each other: the descriptor that every compiled module exports, and the context of one run.
 * Users do not need this page; theirs is module.h.
 *
 * One run is one parallel region: every thread calls `entry(run, thread)`; all walk the same static list of kernels, each kernel takes its
 * share by (thread, threads), and they meet at barriers. All decisions that depend on data are taken alike by all threads after a barrier. */
#ifndef TENSORWRIGHT_ARTIFACT_H
#define TENSORWRIGHT_ARTIFACT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TW_ARTIFACT_VERSION 1u
#define TW_DESCRIPTOR_SYMBOL "tensorwright_module"
#define TW_MAX_RANK 32

/* A dimension of an input or output: `size` if symbol is TW_FIXED, the value of symbols[symbol] if not negative, or known only
 * after the run (outputs alone). */
enum { TW_FIXED = -1, TW_COMPUTED = -2 };
typedef struct {
  int64_t size;
  int32_t symbol;
  int32_t reserved;
} tw_dimension;

/* DLPack's data type: code 0 int, 1 unsigned, 2 float, 4 bfloat, 6 bool. */
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

/* A symbolic dimension: its bounds and divisibility are checked before a run. */
typedef struct {
  const char* name;
  int64_t minimum, maximum, multiple;
} tw_symbol;

/* What the profile prints about a kernel launch (one line of the entry function's static list). */
typedef struct {
  const char* name;   /* symbol of the kernel */
  const char* origin; /* the model's nodes, "conv1+bn1+relu1" */
  const char* shape;  /* readable sizes, "1x56x56x64 -> 1x56x56x256" */
  double flops, bytes, predicted_ns;
} tw_launch;

typedef struct tw_run tw_run;

/* What generated code may ask of the runtime. Each function returns 0 or null on failure after recording an error in the run; generated code
 * then returns at once with a non-zero status. */
typedef struct {
  void (*barrier)(tw_run*, int32_t thread);
  /* Memory of this run, kept for the next one, named by a slot: for values whose size is known only during the run. Thread 0 calls. */
  void* (*allocate)(tw_run*, int32_t slot, int64_t bytes);
  /* The memory of output `index`; called once an output's shape is known, by thread 0. */
  void* (*output)(tw_run*, int32_t index, int32_t rank, const int64_t* shape);
  /* Records an error (1: the user's data, 3: internal) for tw_last_error; the first one of a run counts. */
  void (*fail)(tw_run*, int32_t kind, const char* message);
  /* Called around launches by thread 0 only when run->profiling is not 0. */
  void (*launch_begin)(tw_run*, int32_t launch);
  void (*launch_end)(tw_run*, int32_t launch);
} tw_services;

struct tw_run {
  const tw_services* services;
  int32_t threads;
  int32_t profiling;
  const void* const* inputs;  /* dense row-major, at least 1-byte... element-aligned */
  void** outputs;             /* filled by services->output */
  const int64_t* symbols;     /* values of the symbolic dimensions, in the descriptor's order */
  const int64_t* offsets;     /* what `plan` wrote */
  unsigned char* arena;       /* 64-byte aligned, at least as large as `plan` said */
  unsigned char* scratch;     /* `threads` blocks of scratch_bytes, 64-byte aligned each */
  const unsigned char* weights; /* the module's constants: descriptor->weights */
  void* slots[1];             /* in truth slot_count of them: addresses given by `allocate`, so that all threads can read them */
};

typedef struct {
  uint32_t version;         /* TW_ARTIFACT_VERSION */
  uint32_t size;            /* sizeof(tw_module_descriptor) */
  const char* name;
  const char* target;       /* "x86-64-v3" … */
  const char* features;     /* CPU features that the code uses, as in /proc/cpuinfo, separated by commas */
  const char* producer;     /* version of the compiler */
  int32_t input_count, output_count, symbol_count, launch_count, offset_count, slot_count;
  const tw_port* inputs;
  const tw_port* outputs;
  const tw_symbol* symbols;
  const tw_launch* launches;
  const unsigned char* weights; /* 64-byte aligned */
  int64_t weight_bytes;
  int64_t scratch_bytes;    /* per thread */
  double predicted_ns;      /* of one run on one thread; runs below some tens of microseconds use only the caller */
  /* Given the symbols' values: writes offset_count offsets, returns the arena's size. Called when the symbols change. */
  int64_t (*plan)(const int64_t* symbols, int64_t* offsets);
  int32_t (*entry)(tw_run* run, int32_t thread);
} tw_module_descriptor;

/* A module file is an ordinary shared library followed by this trailer, so that it can be refused before the system's loader touches it. */
#define TW_TRAILER_MAGIC "TWMODULE"
typedef struct {
  uint32_t version;         /* TW_ARTIFACT_VERSION */
  uint32_t reserved;
  uint64_t library_bytes;   /* what comes before the features */
  uint64_t checksum;        /* XXH64-like hash of library and features, see runtime/checksum.h */
  uint32_t features_bytes;  /* features text stands between the library and this struct */
  char machine[20];         /* "x86_64" */
  char magic[8];            /* the last 8 bytes of the file */
} tw_trailer;

#ifdef __cplusplus
}
#endif
#endif
