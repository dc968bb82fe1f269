// Error feedback, compiled once a level of instructions (dispatch/each_level.inc.h).

/// The place of the level nearest to x; halfway between two the lower.
TARGET INLINE int LEVEL(nearest_place)(const float *levels, int count, int is_even, float x) {
  if (is_even) {
    float place = rintf(x - levels[0]);
    place = place > 0 ? place : 0;
    return place < (float)(count - 1) ? (int)place : count - 1;
  }
  int low = 0;
  while (low < count - 1 && x > .5f * (levels[low] + levels[low + 1])) low++;
  return low;
}

TARGET INLINE void LEVEL(add_scaled)(float *target, const float *from, float factor, size_t count) {
  f8 by = (f8)(factor);
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    f8 a, b;
    memcpy(&a, target + i, 32);
    memcpy(&b, from + i, 32);
    a += by * b;
    memcpy(target + i, &a, 32);
  }
  for (; i < count; i++) target[i] += factor * from[i];
}

TARGET static void LEVEL(feed_back)(
    const float *weights, float *corrections, float *errors, float *values, uint8_t *codes, const uint8_t *mask,
    size_t rows, size_t taken, size_t width, size_t stride, const float *u, size_t u_stride, const lathe_choice *choice) {
  for (size_t row = 0; row < rows; row++) {
    const float *w = weights + row * stride;
    float *c = corrections + row * stride;
    const float *scales = choice->scales + row * choice->run_stride, *bases = choice->bases + row * choice->run_stride;
    for (size_t k = 0; k < taken; k++) {
      float wanted = w[k] + c[k], value = wanted;
      uint8_t code = 0;
      if (mask && mask[row * stride + k]) {
        value = 0;
      } else if (choice->count > 0) {
        float scale = scales[choice->runs[k]], base = bases[choice->runs[k]];
        float x = scale != 0 ? (wanted - base) / scale : 0;
        code = (uint8_t)LEVEL(nearest_place)(choice->levels, choice->count, choice->is_even, x);
        value = scale * choice->levels[code] + base;
      }
      float error = w[k] - value;
      values[row * stride + k] = value;
      errors[row * stride + k] = error;
      codes[row * stride + k] = code;
      if (u && error != 0) LEVEL(add_scaled)(c + k + 1, u + k * u_stride + k + 1, error, width - k - 1);
    }
  }
}

/// Σ a[i] b[i] in eight lanes.
TARGET INLINE double LEVEL(dot)(const double *a, const double *b, size_t count) {
  d8 first = (d8)(0), second = (d8)(0);
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    d8 x, y, z, w;
    memcpy(&x, a + i, 64);
    memcpy(&y, b + i, 64);
    memcpy(&z, a + i + 8, 64);
    memcpy(&w, b + i + 8, 64);
    first += x * y;
    second += z * w;
  }
  first += second;
  double sum = 0;
  for (int lane = 0; lane < 8; lane++) sum += first[lane];
  for (; i < count; i++) sum += a[i] * b[i];
  return sum;
}

/// Columns in panels, so that the rows of a panel stay in the cache while all rows below pass by.
TARGET static size_t LEVEL(cholesky)(double *a, size_t n, double least) {
  enum { PANEL = 32 };
  for (size_t start = 0; start < n; start += PANEL) {
    size_t end = start + PANEL < n ? start + PANEL : n;
    for (size_t i = start; i < n; i++) {
      double *row = a + i * n;
      size_t last = i < end ? i : end - 1;
      for (size_t j = start; j <= last; j++) {
        double rest = row[j] - LEVEL(dot)(row, a + j * n, j);
        if (j < i) {
          row[j] = rest / a[j * n + j];
        } else {
          if (!(rest > least)) return i + 1;
          row[j] = sqrt(rest);
        }
      }
    }
  }
  return 0;
}

TARGET static void LEVEL(cholesky_solve)(const double *l, size_t n, double *b, size_t rows) {
  for (size_t row = 0; row < rows; row++) {
    double *x = b + row * n;
    for (size_t i = 0; i < n; i++) x[i] = (x[i] - LEVEL(dot)(l + i * n, x, i)) / l[i * n + i];
    for (size_t i = n; i-- > 0;) {
      double found = x[i] /= l[i * n + i];
      const double *from = l + i * n;
      for (size_t j = 0; j < i; j++) x[j] -= found * from[j];
    }
  }
}

TARGET static void LEVEL(add_level_errors)(
    const float *weights, const float *factors, size_t count, const float *levels, int level_count, int is_even,
    float scale, float base, double sums[3]) {
  double error = 0, product = 0, square = 0;
  float inverse = scale != 0 ? 1 / scale : 0;
  for (size_t i = 0; i < count; i++) {
    float rest = weights[i] - base;
    float q = levels[LEVEL(nearest_place)(levels, level_count, is_even, rest * inverse)];
    float difference = rest - scale * q;
    double h = factors ? factors[i] : 1;
    error += h * (double)(difference * difference);
    product += h * (double)(rest * q);
    square += h * (double)(q * q);
  }
  sums[0] += error;
  sums[1] += product;
  sums[2] += square;
}
