// The kernels of transformer.h, compiled once a level (dispatch/each_level.inc.h).

TARGET INLINE f8 LEVEL(load)(const float *x) {
  f8 v;
  memcpy(&v, x, sizeof v);
  return v;
}

TARGET INLINE void LEVEL(store)(float *x, f8 v) { memcpy(x, &v, sizeof v); }

TARGET INLINE float LEVEL(sum)(f8 v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/// exp by 2ⁿ · P(r), |r| ≤ ln 2 / 2 (Cephes' expf): within 2 ulp; 0 below −87.3, +∞ above 88.7.
TARGET INLINE f8 LEVEL(exp)(f8 x) {
  const f8 low = -87.33654f, high = 88.72283f;
  f8 clamped = __builtin_elementwise_min(__builtin_elementwise_max(x, low), high);
  f8 n = __builtin_elementwise_floor(clamped * 1.44269504088896341f + 0.5f);
  f8 r = clamped - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  f8 p = 1.9875691500e-4f + (f8)0;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // 2ⁿ in two halves: n reaches 128.
  i8 whole = __builtin_convertvector(n, i8);
  i8 half = whole >> 1;
  f8 first = (f8)((half + 127) << 23), second = (f8)((whole - half + 127) << 23);
  f8 value = p * first * second;
  i8 below = x < low, above = x > high, strange = x != x;
  f8 infinite = __builtin_inff() + (f8)0;
  value = (f8)(((i8)value & ~below & ~above) | ((i8)infinite & above));
  return (f8)(((i8)value & ~strange) | ((i8)x & strange));
}

/// tanh by exp; for small x by its series, which exp would lose.
TARGET INLINE f8 LEVEL(tanh)(f8 x) {
  f8 magnitude = __builtin_elementwise_abs(x);
  f8 e = LEVEL(exp)(magnitude * -2.0f);
  f8 large = (1.0f - e) / (1.0f + e);
  large = (f8)(((i8)large & 0x7fffffff) | ((i8)x & (int32_t)0x80000000));
  f8 z = x * x;
  f8 p = -5.70498872745e-3f + (f8)0;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  f8 small = p * z * x + x;
  i8 isSmall = magnitude < 0.625f;
  return (f8)(((i8)small & isSmall) | ((i8)large & ~isSmall));
}

TARGET static void LEVEL(matrix_vector)(
    const float *weights, size_t rows, size_t columns, size_t stride, const float *x, const float *bias, float *y) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float *w = weights + r * stride;
    f8 s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    size_t c = 0;
    for (; c + 8 <= columns; c += 8) {
      f8 v = LEVEL(load)(x + c);
      s0 += LEVEL(load)(w + c) * v;
      s1 += LEVEL(load)(w + stride + c) * v;
      s2 += LEVEL(load)(w + 2 * stride + c) * v;
      s3 += LEVEL(load)(w + 3 * stride + c) * v;
    }
    float sums[4] = {LEVEL(sum)(s0), LEVEL(sum)(s1), LEVEL(sum)(s2), LEVEL(sum)(s3)};
    for (; c < columns; c++)
      for (size_t k = 0; k < 4; k++) sums[k] += w[k * stride + c] * x[c];
    for (size_t k = 0; k < 4; k++) y[r + k] = sums[k] + (bias ? bias[r + k] : 0);
  }
  for (; r < rows; r++) {
    const float *w = weights + r * stride;
    f8 lanes = 0;
    size_t c = 0;
    for (; c + 8 <= columns; c += 8) lanes += LEVEL(load)(w + c) * LEVEL(load)(x + c);
    float sum = LEVEL(sum)(lanes);
    for (; c < columns; c++) sum += w[c] * x[c];
    y[r] = sum + (bias ? bias[r] : 0);
  }
}

TARGET INLINE float LEVEL(greatest_value)(const float *x, size_t count) {
  float best = -__builtin_inff();
  f8 lanes = best + (f8)0;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) lanes = __builtin_elementwise_max(lanes, LEVEL(load)(x + i));
  for (int k = 0; k < 8; k++) best = lanes[k] > best ? lanes[k] : best;
  for (; i < count; i++) best = x[i] > best ? x[i] : best;
  return best;
}

TARGET static void LEVEL(soft_cap)(float *x, size_t count, float scale, float cap) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) LEVEL(store)(x + i, LEVEL(tanh)(LEVEL(load)(x + i) * (scale / cap)) * cap);
  if (i < count) {
    float rest[8] = {0};
    memcpy(rest, x + i, (count - i) * sizeof *x);
    f8 v = LEVEL(tanh)(LEVEL(load)(rest) * (scale / cap)) * cap;
    memcpy(x + i, &v, (count - i) * sizeof *x);
  }
}

TARGET static void LEVEL(softmax)(float *x, size_t count, float scale) {
  float best = LEVEL(greatest_value)(x, count) * scale;
  if (!(best > -__builtin_inff())) best = 0;
  f8 lanes = 0;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    f8 v = LEVEL(exp)(LEVEL(load)(x + i) * scale - best);
    lanes += v;
    LEVEL(store)(x + i, v);
  }
  float sum = LEVEL(sum)(lanes);
  if (i < count) {
    float rest[8] = {0};
    memcpy(rest, x + i, (count - i) * sizeof *x);
    f8 v = LEVEL(exp)(LEVEL(load)(rest) * scale - best);
    for (size_t k = 0; k < count - i; k++) sum += x[i + k] = v[k];
  }
  float inverse = 1 / sum;
  for (i = 0; i < count; i++) x[i] *= inverse;
}

TARGET static double LEVEL(log_sum_exp)(const float *x, size_t count) {
  float best = LEVEL(greatest_value)(x, count);
  double sum = 0;
  for (size_t i = 0; i < count;) {
    f8 lanes = 0;
    size_t end = count - i < 1024 ? count : i + 1024;
    for (; i + 8 <= end; i += 8) lanes += LEVEL(exp)(LEVEL(load)(x + i) - best);
    sum += (double)LEVEL(sum)(lanes);
    for (; i < end; i++) sum += exp((double)x[i] - (double)best);
  }
  return log(sum) + (double)best;
}

TARGET static double LEVEL(divergence)(const float *x, double xLog, const float *y, double yLog, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count;) {
    f8 lanes = 0;
    size_t end = count - i < 1024 ? count : i + 1024;
    for (; i + 8 <= end; i += 8) {
      f8 p = LEVEL(load)(x + i) - (float)xLog, q = LEVEL(load)(y + i) - (float)yLog;
      lanes += LEVEL(exp)(p) * (p - q);
    }
    sum += (double)LEVEL(sum)(lanes);
    for (; i < end; i++) {
      double p = (double)x[i] - xLog;
      sum += exp(p) * (p - ((double)y[i] - yLog));
    }
  }
  return sum;
}

TARGET INLINE f8 LEVEL(activation)(lathe_activation kind, f8 x) {
  switch (kind) {
    case LATHE_GATE_SILU: return x / (1.0f + LEVEL(exp)(-x));
    case LATHE_GATE_GELU_TANH: return 0.5f * x * (1.0f + LEVEL(tanh)(0.79788456080286535588f * x * (1.0f + 0.044715f * x * x)));
    case LATHE_GATE_RELU: return __builtin_elementwise_max(x, (f8)0);
    default: {
      f8 value;
      for (int k = 0; k < 8; k++) value[k] = 0.5f * x[k] * (1.0f + erff(x[k] * 0.70710678118654752440f));
      return value;
    }
  }
}

TARGET static void LEVEL(activate)(
    lathe_activation kind, const float *gate, const float *up, float *out, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    f8 v = LEVEL(activation)(kind, LEVEL(load)(gate + i));
    LEVEL(store)(out + i, up ? v * LEVEL(load)(up + i) : v);
  }
  if (i < count) {
    float rest[8] = {0};
    memcpy(rest, gate + i, (count - i) * sizeof *gate);
    f8 v = LEVEL(activation)(kind, LEVEL(load)(rest));
    for (size_t k = 0; k < count - i; k++) out[i + k] = up ? v[k] * up[i + k] : v[k];
  }
}

TARGET static void LEVEL(rms_norm)(const float *x, const float *weight, float epsilon, float *out, size_t count) {
  f8 lanes = 0;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) lanes += LEVEL(load)(x + i) * LEVEL(load)(x + i);
  float sum = LEVEL(sum)(lanes);
  for (; i < count; i++) sum += x[i] * x[i];
  float scale = 1 / sqrtf(sum / (float)count + epsilon);
  for (i = 0; i < count; i++) out[i] = x[i] * scale * weight[i];
}

TARGET static void LEVEL(layer_norm)(
    const float *x, const float *weight, const float *bias, float epsilon, float *out, size_t count) {
  f8 lanes = 0;
  size_t i = 0;
  for (; i + 8 <= count; i += 8) lanes += LEVEL(load)(x + i);
  float sum = LEVEL(sum)(lanes);
  for (; i < count; i++) sum += x[i];
  float mean = sum / (float)count;
  lanes = 0;
  for (i = 0; i + 8 <= count; i += 8) {
    f8 v = LEVEL(load)(x + i) - mean;
    lanes += v * v;
  }
  float squares = LEVEL(sum)(lanes);
  for (; i < count; i++) squares += (x[i] - mean) * (x[i] - mean);
  float scale = 1 / sqrtf(squares / (float)count + epsilon);
  for (i = 0; i < count; i++) out[i] = (x[i] - mean) * scale * weight[i] + (bias ? bias[i] : 0);
}

TARGET static void LEVEL(accumulate)(float *x, const float *y, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] += y[i];
}

TARGET static void LEVEL(accumulate_scaled)(float *x, const float *y, float factor, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] += factor * y[i];
}

TARGET static void LEVEL(rotate)(float *x, const float *cosines, const float *sines, size_t pairs, int interleaved) {
  if (interleaved) {
    for (size_t i = 0; i < pairs; i++) {
      float a = x[2 * i], b = x[2 * i + 1];
      x[2 * i] = a * cosines[i] - b * sines[i];
      x[2 * i + 1] = a * sines[i] + b * cosines[i];
    }
  } else {
    float *y = x + pairs;
    for (size_t i = 0; i < pairs; i++) {
      float a = x[i], b = y[i];
      x[i] = a * cosines[i] - b * sines[i];
      y[i] = a * sines[i] + b * cosines[i];
    }
  }
}
