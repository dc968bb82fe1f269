#define _GNU_SOURCE
#include "CBLAS.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

#ifdef __linux__
#include <sched.h>
#endif

#pragma STDC FP_CONTRACT OFF

// CBLAS's enumerations (netlib.org/blas/blast-forum/cblas.tgz).
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };

typedef void (*sgemm_function)(
    int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*dgemm_function)(
    int, int, int, int, int, int, double, const double *, int, const double *, int, double, double *, int);
typedef void (*set_threads_function)(int);

static sgemm_function sgemm;
static dgemm_function dgemm;
static const char *name = "plain loops";
static pthread_once_t once = PTHREAD_ONCE_INIT;

/// Whether the address space has room for the buffers that OpenBLAS asks for until it gets them.
static bool has_room(void) {
  const size_t buffers = (size_t)256 << 20;
  void *room = mmap(NULL, buffers, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (room == MAP_FAILED) return false;
  munmap(room, buffers);
  return true;
}

static void *open_library(void) {
#ifdef __APPLE__
  static const char *const names[] = {"/System/Library/Frameworks/Accelerate.framework/Accelerate"};
#else
  static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libcblas.so.3", "libblas.so.3"};
#endif
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) continue;
    if (dlsym(library, "cblas_sgemm") && dlsym(library, "cblas_dgemm")) {
      name = names[i];
      return library;
    }
    dlclose(library);
  }
  return NULL;
}

static void load(void) {
  if (!has_room()) return;
#ifdef __linux__
  // OpenBLAS starts a thread for each processor that the loading thread may run on, as it is loaded: for this long that
  // is one.
  cpu_set_t all, one;
  bool is_narrowed = false;
  int processor = sched_getcpu();
  if (processor >= 0 && processor < CPU_SETSIZE && sched_getaffinity(0, sizeof all, &all) == 0) {
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    is_narrowed = sched_setaffinity(0, sizeof one, &one) == 0;
  }
#endif
  void *library = open_library();
#ifdef __linux__
  if (is_narrowed) sched_setaffinity(0, sizeof all, &all);
#endif
  if (!library) return;
  set_threads_function set_threads = (set_threads_function)dlsym(library, "openblas_set_num_threads");
  if (set_threads) set_threads(1);
  sgemm = (sgemm_function)dlsym(library, "cblas_sgemm");
  dgemm = (dgemm_function)dlsym(library, "cblas_dgemm");
}

const char *lathe_blas_name(void) {
  pthread_once(&once, load);
  return name;
}

static bool fits(long m, long n, long k, long lda, long ldb, long ldc) {
  return m <= INT_MAX && n <= INT_MAX && k <= INT_MAX && lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX;
}

void lathe_sgemm(
    bool transposes_a, bool transposes_b, long m, long n, long k, float alpha, const float *a, long lda, const float *b,
    long ldb, float beta, float *c, long ldc) {
  pthread_once(&once, load);
  if (sgemm && fits(m, n, k, lda, ldb, ldc)) {
    sgemm(
        ROW_MAJOR, transposes_a ? TRANSPOSE : NO_TRANSPOSE, transposes_b ? TRANSPOSE : NO_TRANSPOSE, (int)m, (int)n,
        (int)k, alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
    return;
  }
  for (long i = 0; i < m; i++) {
    float *row = c + i * ldc;
    for (long j = 0; j < n; j++) row[j] = beta == 0 ? 0 : beta * row[j];
    for (long p = 0; p < k; p++) {
      float factor = alpha * (transposes_a ? a[p * lda + i] : a[i * lda + p]);
      if (transposes_b) {
        for (long j = 0; j < n; j++) row[j] += factor * b[j * ldb + p];
      } else {
        for (long j = 0; j < n; j++) row[j] += factor * b[p * ldb + j];
      }
    }
  }
}

void lathe_dgemm(long m, long n, long k, const double *a, long lda, const double *b, long ldb, double *c, long ldc) {
  pthread_once(&once, load);
  if (dgemm && fits(m, n, k, lda, ldb, ldc)) {
    dgemm(
        ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, (int)m, (int)n, (int)k, 1, a, (int)lda, b, (int)ldb, 0, c, (int)ldc);
    return;
  }
  for (long i = 0; i < m; i++) {
    double *row = c + i * ldc;
    for (long j = 0; j < n; j++) row[j] = 0;
    for (long p = 0; p < k; p++) {
      for (long j = 0; j < n; j++) row[j] += a[i * lda + p] * b[p * ldb + j];
    }
  }
}
