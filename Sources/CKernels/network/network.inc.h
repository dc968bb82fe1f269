// The kernels of network.h for one instruction set: LEVEL names them, TARGET selects it.

#define F8(number) ((f8){number, number, number, number, number, number, number, number})

TARGET INLINE f8 LEVEL(load)(const float *x) {
  f8 v;
  memcpy(&v, x, sizeof v);
  return v;
}

TARGET INLINE void LEVEL(store)(float *y, f8 v) { memcpy(y, &v, sizeof v); }

TARGET INLINE f8 LEVEL(select)(i8 mask, f8 yes, f8 no) { return (f8)(((i8)yes & mask) | ((i8)no & ~mask)); }
TARGET INLINE f8 LEVEL(least)(f8 a, f8 b) { return LEVEL(select)(a < b, a, b); }
TARGET INLINE f8 LEVEL(most)(f8 a, f8 b) { return LEVEL(select)(a > b, a, b); }
TARGET INLINE f8 LEVEL(magnitude)(f8 x) { return (f8)((i8)x & 0x7fffffff); }

TARGET INLINE float LEVEL(sum)(f8 v) {
  float s[8];
  memcpy(s, &v, sizeof s);
  return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7]));
}

// e^x = 2^n e^r, |r| ≤ ln 2 / 2, by a polynomial of degree 6 (Cephes' expf).
TARGET INLINE f8 LEVEL(exponential)(f8 x) {
  // Comparisons with NaN are false: NaN goes on.
  f8 t = LEVEL(select)(x > 88.7228f, F8(88.7228f), x);
  t = LEVEL(select)(t < -87.3365f, F8(-87.3365f), t);
  f8 n = t * 1.44269504088896341f + 12582912.0f;
  n -= 12582912.0f;
  f8 r = t - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  f8 p = F8(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  // 2^n in two factors, so that 2^128 does not overflow on the way.
  i8 exponent = __builtin_convertvector(LEVEL(select)(n == n, n, F8(0)), i8);
  i8 half = exponent >> 1;
  f8 y = p * (f8)((half + 127) << 23) * (f8)((exponent - half + 127) << 23);
  y = LEVEL(select)(x > 88.7228f, F8(INFINITY), y);
  y = LEVEL(select)(x < -87.3365f, F8(0), y);
  return LEVEL(select)(x == x, y, x);
}

// 1 / (1 + e^−x); e^−|x| cannot overflow.
TARGET INLINE f8 LEVEL(logistic)(f8 x) {
  f8 e = LEVEL(exponential)(-LEVEL(magnitude)(x));
  f8 y = 1.0f / (1.0f + e);
  return LEVEL(select)(x < 0, e * y, y);
}

// An odd polynomial near zero (Cephes' tanhf), 1 − 2 / (e^2|x| + 1) elsewhere.
TARGET INLINE f8 LEVEL(tangent)(f8 x) {
  f8 a = LEVEL(magnitude)(x), z = x * x;
  f8 p = F8(-5.70498872745e-3f);
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  f8 near = p * z * x + x;
  f8 e = LEVEL(exponential)(a + a);
  f8 far = 1.0f - 2.0f / (e + 1.0f);
  far = (f8)(((i8)far & 0x7fffffff) | ((i8)x & (int32_t)0x80000000));
  return LEVEL(select)(a < 0.625f, near, LEVEL(select)(x == x, far, x));
}

// erf near zero by its series in x²; elsewhere 1 − e^(−x²) t P(t), t = 1 / (1 + |x| / 2) (Numerical Recipes' erfcc,
// relative error 1.2e−7).
TARGET INLINE f8 LEVEL(error)(f8 x) {
  f8 a = LEVEL(magnitude)(x), z = x * x;
  f8 p = F8(7.853861353153693e-5f);
  p = p * z - 8.010193625184903e-4f;
  p = p * z + 5.188327685732524e-3f;
  p = p * z - 2.685381193529856e-2f;
  p = p * z + 1.128358514861418e-1f;
  p = p * z - 3.761262582423300e-1f;
  p = p * z + 1.128379165726710f;
  f8 near = p * x;
  f8 t = 1.0f / (1.0f + 0.5f * a);
  f8 q = F8(0.17087277f);
  q = q * t - 0.82215223f;
  q = q * t + 1.48851587f;
  q = q * t - 1.13520398f;
  q = q * t + 0.27886807f;
  q = q * t - 0.18628806f;
  q = q * t + 0.09678418f;
  q = q * t + 0.37409196f;
  q = q * t + 1.00002368f;
  q = q * t - 1.26551223f;
  f8 far = 1.0f - t * LEVEL(exponential)(q - z);
  far = (f8)(((i8)far & 0x7fffffff) | ((i8)x & (int32_t)0x80000000));
  return LEVEL(select)(a < 1.0f, near, LEVEL(select)(x == x, far, x));
}

TARGET INLINE f8 LEVEL(apply)(lathe_function function, f8 x) {
  switch (function) {
    case LATHE_EXP: return LEVEL(exponential)(x);
    case LATHE_TANH: return LEVEL(tangent)(x);
    case LATHE_SIGMOID: return LEVEL(logistic)(x);
    case LATHE_ERF: return LEVEL(error)(x);
    case LATHE_GELU: return 0.5f * x * (1.0f + LEVEL(error)(x * 0.70710678118654752f));
    case LATHE_GELU_TANH:
      return 0.5f * x * (1.0f + LEVEL(tangent)(0.7978845608028654f * (x + 0.044715f * x * x * x)));
    case LATHE_SILU: return x * LEVEL(logistic)(x);
    case LATHE_HARD_SWISH: {
      f8 t = x * (1.0f / 6.0f) + 0.5f;
      return x * LEVEL(least)(LEVEL(most)(t, F8(0)), F8(1));
    }
  }
  return x;
}

TARGET INLINE void LEVEL(map_one)(lathe_function function, const float *x, float *y, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) LEVEL(store)(y + i, LEVEL(apply)(function, LEVEL(load)(x + i)));
  if (i < count) {
    float rest[8] = {0};
    memcpy(rest, x + i, 4 * (count - i));
    LEVEL(store)(rest, LEVEL(apply)(function, LEVEL(load)(rest)));
    memcpy(y + i, rest, 4 * (count - i));
  }
}

TARGET static void LEVEL(map)(lathe_function function, const float *x, float *y, size_t count) {
  // A loop a function: the choice is made once.
  switch (function) {
    case LATHE_EXP: LEVEL(map_one)(LATHE_EXP, x, y, count); break;
    case LATHE_TANH: LEVEL(map_one)(LATHE_TANH, x, y, count); break;
    case LATHE_SIGMOID: LEVEL(map_one)(LATHE_SIGMOID, x, y, count); break;
    case LATHE_ERF: LEVEL(map_one)(LATHE_ERF, x, y, count); break;
    case LATHE_GELU: LEVEL(map_one)(LATHE_GELU, x, y, count); break;
    case LATHE_GELU_TANH: LEVEL(map_one)(LATHE_GELU_TANH, x, y, count); break;
    case LATHE_SILU: LEVEL(map_one)(LATHE_SILU, x, y, count); break;
    case LATHE_HARD_SWISH: LEVEL(map_one)(LATHE_HARD_SWISH, x, y, count); break;
  }
}

TARGET static float LEVEL(total)(const float *x, size_t count) {
  f8 a = F8(0), b = F8(0);
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    a += LEVEL(load)(x + i);
    b += LEVEL(load)(x + i + 8);
  }
  float sum = LEVEL(sum)(a + b);
  for (; i < count; i++) sum += x[i];
  return sum;
}

TARGET static float LEVEL(largest)(const float *x, size_t count) {
  f8 top = F8(-INFINITY);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    f8 v = LEVEL(load)(x + i);
    // A NaN is larger than all, and stays.
    top = LEVEL(select)(~(v <= top) & (top == top), v, top);
  }
  float largest = -INFINITY;
  for (int lane = 0; lane < 8; lane++) if (!(top[lane] <= largest) && largest == largest) largest = top[lane];
  for (; i < count; i++) if (!(x[i] <= largest) && largest == largest) largest = x[i];
  return largest;
}

TARGET static void LEVEL(softmax)(const float *x, float *y, size_t count) {
  f8 top = F8(-INFINITY);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) top = LEVEL(most)(top, LEVEL(load)(x + i));
  float largest = -INFINITY;
  for (int lane = 0; lane < 8; lane++) largest = top[lane] > largest ? top[lane] : largest;
  for (; i < count; i++) largest = x[i] > largest ? x[i] : largest;
  f8 sums = F8(0);
  for (i = 0; i + 8 <= count; i += 8) {
    f8 e = LEVEL(exponential)(LEVEL(load)(x + i) - largest);
    sums += e;
    LEVEL(store)(y + i, e);
  }
  float sum = LEVEL(sum)(sums);
  if (i < count) {
    float rest[8] = {0};
    memcpy(rest, x + i, 4 * (count - i));
    LEVEL(store)(rest, LEVEL(exponential)(LEVEL(load)(rest) - largest));
    memcpy(y + i, rest, 4 * (count - i));
    for (size_t j = i; j < count; j++) sum += y[j];
  }
  float gain = 1 / sum;
  for (i = 0; i + 8 <= count; i += 8) LEVEL(store)(y + i, LEVEL(load)(y + i) * gain);
  for (; i < count; i++) y[i] *= gain;
}

TARGET static void LEVEL(layer_norm)(
    const float *x, const float *scale, const float *bias, float epsilon, float *y, size_t count, float *mean,
    float *gain) {
  f8 sums = F8(0);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) sums += LEVEL(load)(x + i);
  float sum = LEVEL(sum)(sums);
  for (; i < count; i++) sum += x[i];
  float m = sum / (float)count;
  f8 squares = F8(0);
  for (i = 0; i + 8 <= count; i += 8) {
    f8 d = LEVEL(load)(x + i) - m;
    squares += d * d;
  }
  float square = LEVEL(sum)(squares);
  for (; i < count; i++) square += (x[i] - m) * (x[i] - m);
  float g = 1 / sqrtf(square / (float)count + epsilon);
  for (i = 0; i + 8 <= count; i += 8) {
    f8 v = (LEVEL(load)(x + i) - m) * g * LEVEL(load)(scale + i);
    LEVEL(store)(y + i, bias ? v + LEVEL(load)(bias + i) : v);
  }
  for (; i < count; i++) y[i] = (x[i] - m) * g * scale[i] + (bias ? bias[i] : 0);
  *mean = m;
  *gain = g;
}

#define LOOP(sign)                                                                                       \
  if (a_step && b_step) for (size_t i = 0; i < count; i++) y[i] = a[i] sign b[i];                        \
  else if (a_step) for (size_t i = 0; i < count; i++) y[i] = a[i] sign second;                           \
  else for (size_t i = 0; i < count; i++) y[i] = first sign b[i * b_step];                               \
  break;

TARGET static void LEVEL(combine)(
    lathe_operation operation, const float *a, size_t a_step, const float *b, size_t b_step, float *y, size_t count) {
  if (!count) return;
  float first = *a, second = *b;
  switch (operation) {
    case LATHE_ADD: LOOP(+)
    case LATHE_SUB: LOOP(-)
    case LATHE_MUL: LOOP(*)
    case LATHE_DIV: LOOP(/)
  }
}
#undef LOOP

TARGET static void LEVEL(scale_clip)(
    const float *x, float gain, float offset, float low, float high, float *y, size_t count) {
  // In vectors by hand: where x and y are the same, the compiler would go number by number.
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    f8 v = LEVEL(load)(x + i) * gain + offset;
    v = LEVEL(select)(v < low, F8(low), v);
    LEVEL(store)(y + i, LEVEL(select)(v > high, F8(high), v));
  }
  for (; i < count; i++) {
    float v = x[i] * gain + offset;
    v = v < low ? low : v;
    y[i] = v > high ? high : v;
  }
}

#include "network/planes.inc.h"

TARGET static void LEVEL(transpose)(
    const float *x, size_t x_stride, float *y, size_t y_stride, size_t rows, size_t columns) {
  // Squares that fit the first cache.
  for (size_t r = 0; r < rows; r += 16)
    for (size_t c = 0; c < columns; c += 16)
      for (size_t i = r; i < r + 16 && i < rows; i++)
        for (size_t j = c; j < c + 16 && j < columns; j++) y[j * y_stride + i] = x[i * x_stride + j];
}

#undef F8
