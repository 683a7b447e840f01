/* SPDX-License-Identifier: Apache-2.0
 * Tensorwright in C: load a compiled module, run it, read its errors. Link with libtensorwright_runtime.so, which needs no compiler.
 *
 *   tw_module* module;
 *   if (tw_module_load("model.so", &module) != TW_OK) { puts(tw_last_error()); return 1; }
 *   tw_session* session;
 *   tw_session_create(module, NULL, &session);
 *   tw_session_run(session, inputs, input_count, outputs, output_count);
 *
 * A module is immutable and may be used by many threads; a session belongs to one thread at a time and owns the memory of its runs. */
#ifndef TENSORWRIGHT_MODULE_H
#define TENSORWRIGHT_MODULE_H

#include "tensorwright/artifact.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define TW_API __declspec(dllexport)
#else
#define TW_API __attribute__((visibility("default")))
#endif

/* The same numbers as the command's exit codes. */
typedef enum { TW_OK = 0, TW_USER_ERROR = 1, TW_UNSUPPORTED = 2, TW_INTERNAL_ERROR = 3 } tw_status;

/* The layout of DLPack's DLTensor. strides may be NULL (dense, row major); they count elements. device_type 1 is the CPU. */
typedef struct {
  void* data;
  int32_t device_type, device_id;
  int32_t ndim;
  tw_dtype dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
} tw_tensor;

typedef struct tw_module tw_module;
typedef struct tw_session tw_session;

/* The text of this thread's last failed call; valid until its next failed call. */
TW_API const char* tw_last_error(void);
TW_API const char* tw_runtime_version(void);

/* The kinds of devices that the library knows, sorted: tw_device_name(0), tw_device_name(1) …; NULL after the last. How many of a kind this
 * machine has; 0 also for a kind that is not known. */
TW_API const char* tw_device_name(int32_t index);
TW_API int32_t tw_device_count(const char* name);

TW_API tw_status tw_module_load(const char* path, tw_module** module);
/* A module that lives in this process already (a compiler's). `release(owner)`, unless it is NULL, is called when the module dies, and not
 * when this call fails. */
TW_API tw_status tw_module_wrap(const tw_module_descriptor* descriptor, void* owner, void (*release)(void*), tw_module** module);
/* Modules are counted: load and wrap give one count, which this function returns, and each session holds another. NULL is allowed. */
TW_API void tw_module_release(tw_module* module);
/* Valid as long as the module. */
TW_API const tw_module_descriptor* tw_module_describe(const tw_module* module);

typedef struct {
  int32_t threads; /* 0: one for each physical core that the affinity mask and the cgroup quota allow */
  int32_t profile; /* not 0: times of each launch are kept */
  /* Calls fn(argument, i) once for each i in 0..count-1, all at the same time, each on a thread of its own, and returns when all have
   * returned. NULL: the shared pool. A pool that cannot run all at once (too few threads, or one after the other) slows runs down but does
   * not hang them: when not all have begun within 50 ms, one of them does the whole run, and so do the next runs. */
  void (*parallel)(void* pool, int32_t count, void (*fn)(void* argument, int32_t index), void* argument);
  void* pool;
} tw_options;

/* options NULL: all zero. */
TW_API tw_status tw_session_create(tw_module* module, const tw_options* options, tw_session** session);
TW_API void tw_session_destroy(tw_session* session);
/* The most threads that a run uses: short ones use the caller alone. */
TW_API int32_t tw_session_threads(const tw_session* session);

/* Inputs in the module's order; those that are not dense, or not aligned to their element, are copied. An output whose `data` is not NULL
 * must have the right type and shape and is written in place (by a copy when it is not dense or overlaps an input); else the session
 * provides memory that stays valid until its next run, and fills in the rest of the struct (shape points into the session, strides is
 * NULL). */
TW_API tw_status tw_session_run(tw_session* session, const tw_tensor* inputs, int32_t input_count, tw_tensor* outputs,
                                int32_t output_count);

/* After a run with profile: seconds of launch `index` in the last run, as thread 0 saw it; the sum when it ran more than once. Negative:
 * there is no such launch or no profile. */
TW_API double tw_session_launch_seconds(const tw_session* session, int32_t index);
/* The same launch with the sizes of that run; those that only the run itself knows stand in the shape by their names. Valid until the
 * session's next run; NULL where there are no seconds, and before the first run. */
TW_API const tw_launch* tw_session_launch(const tw_session* session, int32_t index);
/* Bytes of the arena of the last run. */
TW_API int64_t tw_session_arena_bytes(const tw_session* session);

#ifdef __cplusplus
}
#endif
#endif
