// Runs the kernels at both levels on the same numbers and compares what they write: bit by bit, or for those of networks
// within a tolerance. Prints a line for each that is exact, its name and a digest of what it wrote, the same on every kind of
// processor. Status 1 where levels differ.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

enum { MOST = 1 << 12, ROOM = 1 << 20 };
static const size_t lengths[] = {1, 3, 7, 8, 17, 31, 32, 33, 64, 100, 255, 256, 1023, 2048};

static uint64_t state;
static uint64_t next(void) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
/// Roughly normal: the sum of four numbers.
static float number(void) {
  double sum = 0;
  for (int i = 0; i < 4; i++) sum += (double)(next() >> 40) / (1 << 24) - 0.5;
  return (float)sum;
}

static float x[2 * MOST], y[2 * MOST], weights[MOST];
static uint8_t bytes[16 * MOST];

static void fill(int kind) {
  state = 11 + (uint64_t)kind;
  for (int i = 0; i < 2 * MOST; i++) x[i] = number(), y[i] = number();
  for (int i = 0; i < MOST; i++) weights[i] = fabsf(number()) + 0.01f;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)next();
  if (kind == 1)  // zeros, an outlier, denormals, ties
    for (int i = 0; i < 2 * MOST; i++) {
      if (i % 5 == 0) x[i] = i % 2 ? 0.0f : -0.0f;
      if (i % 97 == 3) x[i] = 1e4f;
      if (i % 13 == 2) x[i] = 1e-41f;
      if (i % 7 == 1) x[i] = 0.5f;
    }
  if (kind == 2)  // what overflows where it is squared
    for (int i = 0; i < 2 * MOST; i += 3) x[i] *= 1e25f;
}

static uint8_t found[2][ROOM];
static uint8_t *at;
static size_t room;
static void *take(size_t count) {
  uint8_t *start = at;
  count = (count + 63) / 64 * 64;
  if (count > room) abort();
  at += count;
  room -= count;
  return start;
}
#define OUT(type, count) ((type *)take(sizeof(type) * (count)))

static uint64_t digest(uint64_t hash, const uint8_t *from, size_t count) {
  for (size_t i = 0; i < count; i++) hash = (hash ^ from[i]) * 0x100000001b3u;
  return hash;
}

static int failed;
typedef void kernel(size_t n);

static size_t run(kernel *k, size_t n, int level) {
  at = found[level], room = ROOM;
  memset(found[level], 0, ROOM);
  lathe_set_kernel_level(level ? LATHE_LEVEL_VECTOR : LATHE_LEVEL_BASELINE);
  k(n);
  return (size_t)(at - found[level]);
}

static void exact(const char *name, kernel *k, size_t multiple) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (int kind = 0; kind < 3; kind++) {
    fill(kind);
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
      size_t n = (lengths[l] + multiple - 1) / multiple * multiple;
      size_t size = run(k, n, 0);
      if (run(k, n, 1) != size || memcmp(found[0], found[1], size) != 0) {
        printf("%s differs at %zu numbers of kind %d\n", name, n, kind);
        failed = 1;
        break;
      }
      // What is infinite minus itself has another sign from one kind of processor to the other.
      if (kind < 2) hash = digest(hash, found[0], size);
    }
  }
  printf("%s %016llx\n", name, (unsigned long long)hash);
}

/// Floats alone; relative to the greatest.
static void close_to(const char *name, kernel *k, double tolerance) {
  fill(0);
  for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
    size_t size = run(k, lengths[l], 0) / 4;
    run(k, lengths[l], 1);
    const float *a = (const float *)found[0], *b = (const float *)found[1];
    double most = 1e-30, apart = 0;
    for (size_t i = 0; i < size; i++) {
      most = fmax(most, fabs((double)a[i]));
      apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
    }
    if (!(apart <= tolerance * most)) {
      fprintf(stderr, "%s: %g apart at %zu numbers\n", name, apart / most, lengths[l]);
      failed = 1;
    }
  }
}

// MARK: - Summaries

static void statistics(size_t n) {
  lathe_range_sums *sums = OUT(lathe_range_sums, 1);
  sums->minimum = INFINITY, sums->maximum = -INFINITY;
  lathe_add_range_sums(x, n, sums);
  lathe_add_central_sums(x, n, 0.01, 1.5, OUT(lathe_central_sums, 1));
  lathe_add_histogram(x, n, -1.25, 1.5, 64, OUT(uint64_t, 64));
  lathe_bin_sums *bins = OUT(lathe_bin_sums, 64);
  lathe_add_bin_moments(x, n, -2, 2, 64, OUT(uint64_t, 64), bins);
  lathe_row_ranges(x, 2, n, OUT(float, 2), OUT(float, 2));
  lathe_count_magnitudes_high(x, n, OUT(uint64_t, 1 << 15));
}

static void half_counts(size_t n) {
  const uint16_t *halves = (const uint16_t *)bytes;
  lathe_count_halves(halves, n, OUT(uint32_t, 1 << 16));
  lathe_half_row_ranges(halves, 2, n, OUT(uint16_t, 2), OUT(uint16_t, 2));
  lathe_grid grids[14];
  lathe_make_table_grids(-1, 1.5f, grids);
  static double counts[MOST];
  for (size_t i = 0; i < n; i++) counts[i] = bytes[i];
  lathe_add_value_errors(x, x, counts, n, grids, 14, OUT(double, 14));
}

// MARK: - Quantisers

static void grids(size_t n) {
  for (int symmetry = 0; symmetry < 5; symmetry++)
    for (int type = 0; type < 4; type++)
      lathe_apply_runs(x, n, 32, 4, (lathe_symmetry)symmetry, (lathe_scale_type)type, LATHE_ROUNDS_NOTHING,
                       OUT(int32_t, n), OUT(float, n), OUT(lathe_grid, n / 32));
}

static void rounded_grids(size_t n) {
  for (int symmetry = 0; symmetry < 4; symmetry++)
    for (int type = 0; type < 2; type++)
      for (int rounds = LATHE_ROUNDS_PRODUCT; rounds <= LATHE_ROUNDS_SUM; rounds++) {
        const lathe_symmetry kind = (lathe_symmetry)symmetry;
        lathe_apply_runs(x, n, 32, 8, kind, (lathe_scale_type)type, (lathe_rounds)rounds, OUT(int32_t, n),
                         OUT(float, n), OUT(lathe_grid, n / 32));
        const lathe_grid grid =
            lathe_make_grid(-1.75f, 1.5f, 5, kind, (lathe_scale_type)type, (lathe_rounds)rounds);
        lathe_apply_grid(x, n - 5, grid, OUT(int32_t, n), OUT(float, n));
        lathe_add_grid_errors(x, y, n - 5, &grid, 1, 0, OUT(double, 8));
      }
}

static void grid_errors(size_t n) {
  lathe_grid grids[14];
  lathe_make_table_grids(-1.75f, 1.5f, grids);
  lathe_add_grid_errors(x, y, n, grids, 14, 0, OUT(double, 112));
  lathe_add_grid_errors(x, y, n, grids, 14, 1, OUT(double, 112));
  lathe_add_table_errors(x, x, n, 32, 1, OUT(double, LATHE_TABLE_SUMS));
  lathe_apply_grid(x, n, grids[2], OUT(int32_t, n), OUT(float, n));
  lathe_add_square_distance(x, y, n, OUT(double, 8));
  lathe_add_weighted_square_distance(x, y, 2, n / 2, weights, OUT(double, 8));
  lathe_apply_columns(x, 2, 7, grids, OUT(int32_t, 14), OUT(float, 14));
}

static void levels(size_t n) {
  lathe_levels l = {.zero = 3};
  for (l.count = 4; l.count <= 256; l.count *= 4) {
    for (int i = 0; i < l.count; i++) l.values[i] = (float)(i - l.count / 2) / (float)l.count * 3;
    for (int i = 0; i + 1 < l.count; i++) l.bounds[i] = (l.values[i] + l.values[i + 1]) / 2;
    lathe_apply_levels(x, n, &l, 1.25f, 0.8f, OUT(int32_t, n), OUT(float, n));
  }
}

static void small_floats(size_t n) {
  const lathe_small_float e4m3 = {4, 3, 7, 448}, e2m1 = {2, 1, 1, 6}, e5m2 = {5, 2, 15, 57344};
  lathe_apply_small_float(x, n, e4m3, 0.01f, OUT(int32_t, n), OUT(float, n));
  lathe_apply_small_float_runs(x, n, 32, e5m2, OUT(int32_t, n), OUT(float, n), OUT(float, n / 32));
  lathe_apply_microscaled(x, n, e2m1, OUT(int32_t, n), OUT(float, n), OUT(uint8_t, n / 32), LATHE_EXPONENT_ROUNDED);
  lathe_apply_nvfp4(x, n, 0.002f, OUT(int32_t, n), OUT(float, n), OUT(uint8_t, n / 16));
}

static void pruning(size_t n) {
  lathe_prune_below(x, n, 0.3f, OUT(float, n));
  lathe_prune_pattern(x, 1, n, 2, 4, NULL, OUT(float, n));
  lathe_prune_pattern(x, 1, n, 2, 4, weights, OUT(float, n));
}

// MARK: - ggml's blocks

static void floats(size_t n) {
  lathe_decode_f16(bytes, OUT(float, n), n);
  lathe_decode_bf16(bytes, OUT(float, n), n);
  lathe_quantize_f16(x, n, OUT(uint8_t, 2 * n));
  lathe_quantize_bf16(x, n, OUT(uint8_t, 2 * n));
  *OUT(float, 1) = lathe_greatest_magnitude(x, n);
}

/// Forwards and back again: blocks of any bytes hold any scale.
#define LEGACY(name, size)                                  \
  static void name(size_t n) {                              \
    uint8_t *blocks = OUT(uint8_t, n / 32 * size);          \
    lathe_quantize_##name(x, n, blocks);                    \
    lathe_decode_##name(blocks, OUT(float, n), n / 32);     \
  }
LEGACY(q4_0, 18) LEGACY(q4_1, 20) LEGACY(q5_0, 22) LEGACY(q5_1, 24) LEGACY(q8_0, 34)

#define ROWS(name, block, size)                                                  \
  static void rows_##name(size_t n) {                                            \
    uint8_t *blocks = OUT(uint8_t, 2 * n / block * size);                        \
    lathe_quantize_rows_##name(x, 2, n, NULL, blocks);                           \
    lathe_decode_##name(blocks, OUT(float, 2 * n), 2 * n / block);               \
    lathe_quantize_rows_##name(x, 2, n, weights, OUT(uint8_t, 2 * n / block * size)); \
  }
ROWS(q2_k, 256, 84) ROWS(q3_k, 256, 110) ROWS(q4_k, 256, 144) ROWS(q5_k, 256, 176) ROWS(q6_k, 256, 210)
ROWS(iq4_nl, 32, 18) ROWS(iq4_xs, 256, 136) ROWS(tq1_0, 256, 54) ROWS(tq2_0, 256, 66) ROWS(mxfp4, 32, 17)

/// These search with an importance alone.
#define WEIGHED(name, size) \
  static void rows_##name(size_t n) { lathe_quantize_rows_##name(x, 2, n, weights, OUT(uint8_t, 2 * n / 32 * size)); }
WEIGHED(q4_0, 18) WEIGHED(q4_1, 20) WEIGHED(q5_0, 22) WEIGHED(q5_1, 24)
ROWS(iq1_s, 256, 50) ROWS(iq1_m, 256, 56) ROWS(iq2_xxs, 256, 66) ROWS(iq2_xs, 256, 74) ROWS(iq2_s, 256, 82)
ROWS(iq3_xxs, 256, 98) ROWS(iq3_s, 256, 110)

// MARK: - Coding

static void counting(size_t n) {
  int32_t *codes = OUT(int32_t, n);
  for (size_t i = 0; i < n; i++) codes[i] = bytes[i] % 7 ? bytes[i] - 128 : 0;
  lathe_count_codes(codes, n, OUT(uint8_t, n), OUT(uint64_t, 256));
  lathe_count_high_bytes(codes, n, OUT(uint8_t, n), OUT(uint64_t, 256));
  *OUT(uint64_t, 1) = lathe_count_zeros(codes, n, ~0u);
  lathe_add_zero_runs(codes, n, ~0u, OUT(lathe_zero_runs, 1), OUT(uint64_t, LATHE_RUN_WIDTHS + 1));
}

/// There and back; then streams that no encoder wrote, of which both levels have to think the same: cut, and with one byte
/// changed.
static void rans_of(const uint16_t frequencies[256], const uint8_t *symbols, size_t n) {
  lathe_rans_encoder *encoder = lathe_rans_new_encoder(frequencies);
  lathe_rans_decoder *decoder = lathe_rans_new_decoder(frequencies);
  uint8_t *stream = OUT(uint8_t, lathe_rans_bound(n)), *back = OUT(uint8_t, n), *status = OUT(uint8_t, 20);
  size_t size = lathe_rans_encode(encoder, symbols, n, stream);
  if (lathe_rans_decode(decoder, stream, size, back, n) != 0 || memcmp(back, symbols, n) != 0) failed = 1;
  memset(stream + size, 0, lathe_rans_bound(n) - size);
  for (size_t k = 0; k < 10; k++) {
    uint8_t *place = stream + size * k / 10;
    *place ^= (uint8_t)(1 << k % 8);
    status[2 * k] = lathe_rans_decode(decoder, stream, size, back, n) != 0;
    *place ^= (uint8_t)(1 << k % 8);
    status[2 * k + 1] = lathe_rans_decode(decoder, stream, size - size * k / 20, back, n) != 0;
  }
  lathe_rans_free_encoder(encoder), lathe_rans_free_decoder(decoder);
}

static void rans(size_t n) {
  uint16_t frequencies[256] = {0};
  for (int i = 0; i < 16; i++) frequencies[i] = (uint16_t)(i < 8 ? 384 : 128);
  uint8_t *symbols = OUT(uint8_t, n);
  for (size_t i = 0; i < n; i++) symbols[i] = bytes[i] % 16;
  rans_of(frequencies, symbols, n);
}

/// All bytes, nearly all of them once in 4096: a word given off at almost every step; then one symbol alone, and none.
static void rans_extremes(size_t n) {
  uint16_t rare[256], alone[256] = {[7] = LATHE_RANS_TOTAL};
  for (int i = 0; i < 256; i++) rare[i] = 1;
  rare[200] = LATHE_RANS_TOTAL - 255;
  rans_of(rare, bytes, n);
  uint8_t *symbols = OUT(uint8_t, n);
  memset(symbols, 200, n);
  rans_of(rare, symbols, n);
  memset(symbols, 7, n);
  rans_of(alone, symbols, n);
  // A symbol without a frequency, wherever it stands.
  lathe_rans_encoder *encoder = lathe_rans_new_encoder(alone);
  uint8_t *stream = malloc(lathe_rans_bound(n));
  for (size_t k = 0; k < 16; k++) {
    size_t place = n * k / 16;
    symbols[place] = 6;
    if (lathe_rans_encode(encoder, symbols, n, stream) != 0) failed = 1;
    symbols[place] = 7;
  }
  free(stream);
  lathe_rans_free_encoder(encoder);
}

static void huffman(size_t n) {
  uint8_t lengths[256] = {0};
  for (int i = 0; i < 8; i++) lengths[i] = 4;
  for (int i = 8; i < 24; i++) lengths[i] = 5;
  uint8_t *symbols = OUT(uint8_t, n);
  for (size_t i = 0; i < n; i++) symbols[i] = bytes[i] % 24;
  lathe_huffman_encoder *encoder = lathe_huffman_new_encoder(lengths);
  lathe_huffman_decoder *decoder = lathe_huffman_new_decoder(lengths);
  uint8_t *stream = OUT(uint8_t, lathe_huffman_bound(n)), *back = OUT(uint8_t, n);
  size_t size = lathe_huffman_encode(encoder, symbols, n, stream);
  if (lathe_huffman_decode(decoder, stream, size, back, n) != 0 || memcmp(back, symbols, n) != 0) failed = 1;
  memset(stream + size, 0, lathe_huffman_bound(n) - size);
  lathe_huffman_free_encoder(encoder), lathe_huffman_free_decoder(decoder);
}

// MARK: - Networks

static void maps(size_t n) {
  for (int f = LATHE_EXP; f <= LATHE_HARD_SWISH; f++) lathe_map((lathe_function)f, x, OUT(float, n), n);
  lathe_softmax(x, OUT(float, n), n);
  lathe_layer_norm(x, weights, y, 1e-5f, OUT(float, n), n, OUT(float, 1), OUT(float, 1));
  *OUT(float, 1) = lathe_largest(x, n);
  lathe_combine(LATHE_MUL, x, 1, y, 1, OUT(float, n), n);
  lathe_scale_clip(x, 1.5f, 0.1f, -1, 1, OUT(float, n), n);
}

static void products(size_t n) {
  size_t columns = n % 100 + 1, depth = 24, rows = 7;
  lathe_finish finish = {weights, NULL, NULL, -INFINITY, INFINITY};
  float *scratch = malloc(4 * lathe_product_scratch(depth));
  lathe_product(y, x, columns, OUT(float, rows * columns), columns, rows, depth, columns, &finish, scratch);
  free(scratch);
  lathe_matrix_vector(x, 3, n, n, y, weights, OUT(float, 3));
  lathe_transpose(x, 24, OUT(float, 24 * 24), 24, 24, 24);
}

/// Four rows of as many columns, at most 64 fed back; integers, then a table.
static void feedback(size_t n) {
  size_t width = n < 64 ? n : 64;
  const float table[] = {-6, -4, -3, -2, -1.5f, -1, -0.5f, 0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  const float whole[] = {-4, -3, -2, -1, 0, 1, 2, 3};
  float scales[4], bases[4];
  for (int row = 0; row < 4; row++) scales[row] = weights[row], bases[row] = y[row] * 0.1f;
  uint32_t runs[64] = {0};
  for (int even = 0; even < 2; even++) {
    lathe_choice choice = {even ? whole : table, even ? 8 : 15, even, scales, bases, 1, runs};
    float *corrections = OUT(float, 4 * width);
    memset(corrections, 0, 16 * width);
    lathe_feed_back(
        x, corrections, OUT(float, 4 * width), OUT(float, 4 * width), OUT(uint8_t, 4 * width), even ? bytes + 1 : NULL, 4,
        width, width, width, y, width, &choice);
    double *sums = OUT(double, 3);
    memset(sums, 0, 24);
    lathe_add_level_errors(x, weights, n, even ? whole : table, even ? 8 : 15, even, 0.3f, 0.05f, sums);
  }
}

static void cholesky(size_t n) {
  size_t m = n < 96 ? n : 96;
  double *a = OUT(double, m * m), *b = OUT(double, 2 * m);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < m; j++) {
      double sum = i == j ? 1 : 0;
      for (size_t k = 0; k < 16; k++) sum += (double)weights[i * 16 + k] * (double)weights[j * 16 + k];
      a[i * m + j] = sum;
    }
  for (size_t i = 0; i < 2 * m; i++) b[i] = weights[i];
  *OUT(size_t, 1) = lathe_cholesky(a, m, 1e-9);
  lathe_cholesky_solve(a, m, b, 2);
}

static void transformers(size_t n) {
  float *scores = OUT(float, n);
  memcpy(scores, x, 4 * n);
  lathe_scaled_softmax(scores, n, 0.5f, 30);
  lathe_activate(LATHE_GATE_SILU, x, y, OUT(float, n), n);
  lathe_activate(LATHE_GATE_GELU, x, NULL, OUT(float, n), n);
  lathe_rms_norm(x, weights, 1e-5f, OUT(float, n), n);
  lathe_centred_norm(x, weights, y, 1e-5f, OUT(float, n), n);
  *OUT(float, 1) = (float)lathe_log_sum_exp(x, n);
}

int main(void) {
#define EXACT(name, multiple) exact(#name, name, multiple);
  EXACT(statistics, 1) EXACT(half_counts, 1) EXACT(grids, 32) EXACT(rounded_grids, 32) EXACT(grid_errors, 32) EXACT(levels, 1)
  EXACT(small_floats, 32) EXACT(pruning, 4) EXACT(floats, 1) EXACT(counting, 1) EXACT(rans, 1)
  EXACT(rans_extremes, 1) EXACT(huffman, 1) EXACT(feedback, 1) EXACT(cholesky, 1)
  EXACT(q4_0, 32) EXACT(q4_1, 32) EXACT(q5_0, 32) EXACT(q5_1, 32) EXACT(q8_0, 32)
  EXACT(rows_q4_0, 32) EXACT(rows_q4_1, 32) EXACT(rows_q5_0, 32) EXACT(rows_q5_1, 32) EXACT(rows_iq4_nl, 32)
  EXACT(rows_mxfp4, 32) EXACT(rows_q2_k, 256) EXACT(rows_q3_k, 256) EXACT(rows_q4_k, 256) EXACT(rows_q5_k, 256)
  EXACT(rows_q6_k, 256) EXACT(rows_iq4_xs, 256) EXACT(rows_tq1_0, 256) EXACT(rows_tq2_0, 256) EXACT(rows_iq1_s, 256)
  EXACT(rows_iq1_m, 256) EXACT(rows_iq2_xxs, 256) EXACT(rows_iq2_xs, 256) EXACT(rows_iq2_s, 256)
  EXACT(rows_iq3_xxs, 256) EXACT(rows_iq3_s, 256)
  close_to("maps", maps, 2e-6);
  close_to("products", products, 2e-6);
  close_to("transformers", transformers, 2e-6);
  return failed;
}
