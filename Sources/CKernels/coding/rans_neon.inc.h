// rANS with NEON: 32 lanes in eight registers, looked at eight lanes at a time. There is no gather: an entry of a table is
// loaded into its lane. Included by rans.c.
//
// By llvm-mca 6.2 cycles a symbol to encode and 4.0 to decode, the plain loops 10.3 and 8.0 to 9.3 without what their
// branches cost (Neoverse N1; Apple A12: 2.8 and 2.2, the plain loops 8.5 and 7.0 to 8.0).

typedef struct {
  uint32x4_t low, high;
} eight;

static inline eight load_eight(const uint32_t *from) { return (eight){vld1q_u32(from), vld1q_u32(from + 4)}; }
static inline void store_eight(uint32_t *to, eight x) {
  vst1q_u32(to, x.low);
  vst1q_u32(to + 4, x.high);
}

/// Which lanes are chosen, lane k in bit k, and from bit 8 on how many bytes their words are.
static inline uint32_t chosen(uint32x4_t low, uint32x4_t high) {
  static const uint16_t bits[8] = {0x201, 0x202, 0x204, 0x208, 0x210, 0x220, 0x240, 0x280};
  const uint16x8_t all = vuzp1q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high));
  return vaddvq_u16(vandq_u16(all, vld1q_u16(bits)));
}

/// The entries of four symbols: reciprocals and steps, which lie side by side in the table.
static inline uint32x4x2_t entries_of(const lathe_rans_encoder *e, const uint8_t *symbols) {
  uint64x2_t pairs[2];
  for (int k = 0; k < 2; k++) {
    const uint64_t *a = (const uint64_t *)&e->entries[symbols[2 * k]];
    const uint64_t *b = (const uint64_t *)&e->entries[symbols[2 * k + 1]];
    pairs[k] = vld1q_lane_u64(b, vdupq_lane_u64(vld1_u64(a), 0), 1);
  }
  return vuzpq_u32(vreinterpretq_u32_u64(pairs[0]), vreinterpretq_u32_u64(pairs[1]));
}

/// The state's new value once its word is given off; `step` and `reciprocal` as in put_symbol.
static inline uint32x4_t put_four(uint32x4_t x, uint32x4_t step, uint32x4_t reciprocal) {
  const uint32x4_t field = vdupq_n_u32(FIELD);
  const uint64x2_t even = vmull_u32(vget_low_u32(x), vget_low_u32(reciprocal)), odd = vmull_high_u32(x, reciprocal);
  uint32x4_t q = vuzp2q_u32(vreinterpretq_u32_u64(even), vreinterpretq_u32_u64(odd));
  const uint32x4_t shift = vandq_u32(vshrq_n_u32(step, SHIFT_AT), vdupq_n_u32(15));
  q = vshlq_u32(q, vnegq_s32(vreinterpretq_s32_u32(shift)));
  x = vaddq_u32(x, vandq_u32(vshrq_n_u32(step, BIAS_AT), field));
  return vmlaq_u32(x, q, vandq_u32(step, field));
}

static inline uint32x4_t over(uint32x4_t x, uint32x4_t step) {
  return vcgeq_u32(x, vshlq_n_u32(vsubq_u32(vdupq_n_u32(TOTAL), vandq_u32(step, vdupq_n_u32(FIELD))), 19));
}

/// Eight lanes at once, as put_symbol does one.
static inline eight put_eight(
    const lathe_rans_encoder *e, eight x, const uint8_t *symbols, uint8_t **front, uint32x4_t *missing) {
  const uint32x4x2_t low = entries_of(e, symbols), high = entries_of(e, symbols + 4);
  *missing = vorrq_u32(*missing, vorrq_u32(low.val[1], high.val[1]));
  const uint32x4_t low_over = over(x.low, low.val[1]), high_over = over(x.high, high.val[1]);
  const uint32_t lanes = chosen(low_over, high_over);
  const uint16x8_t words = vuzp1q_u16(vreinterpretq_u16_u32(x.low), vreinterpretq_u16_u32(x.high));
  vst1q_u8(*front - 16, vqtbl1q_u8(vreinterpretq_u8_u16(words), vld1q_u8(gather_right[lanes & 0xff])));
  *front -= lanes >> 8;
  x.low = vbslq_u32(low_over, vshrq_n_u32(x.low, 16), x.low);
  x.high = vbslq_u32(high_over, vshrq_n_u32(x.high, 16), x.high);
  return (eight){put_four(x.low, low.val[1], low.val[0]), put_four(x.high, high.val[1], high.val[0])};
}

static size_t encode_vector(
    const lathe_rans_encoder *e, const uint8_t *symbols, size_t whole, uint32_t *states, uint8_t **front,
    uint32_t *missing) {
  eight x[4];
  for (int k = 0; k < 4; k++) x[k] = load_eight(states + 8 * k);
  uint32x4_t none = vdupq_n_u32(0);
  uint8_t *at = *front;
  size_t i = whole;
  for (; i >= LANES; i -= LANES) {
    const uint8_t *run = symbols + i - LANES;
#pragma clang loop unroll(full)
    for (int k = 4; k-- > 0;) x[k] = put_eight(e, x[k], run + 8 * k, &at, &none);
  }
  *front = at;
  *missing |= vmaxvq_u32(none) & 1u << 31;
  for (int k = 0; k < 4; k++) store_eight(states + 8 * k, x[k]);
  return i;
}

/// Of four states the entries of their slots.
static inline uint32x4_t slots_of(const lathe_rans_decoder *d, uint32x4_t x) {
  const uint64x2_t slots = vreinterpretq_u64_u32(vandq_u32(x, vdupq_n_u32(TOTAL - 1)));
  const uint64_t a = vgetq_lane_u64(slots, 0), b = vgetq_lane_u64(slots, 1);
  uint32x4_t entries = vdupq_n_u32(0);
  entries = vld1q_lane_u32(d->slots + (uint32_t)a, entries, 0);
  entries = vld1q_lane_u32(d->slots + (a >> 32), entries, 1);
  entries = vld1q_lane_u32(d->slots + (uint32_t)b, entries, 2);
  return vld1q_lane_u32(d->slots + (b >> 32), entries, 3);
}

/// Four states before new words.
static inline uint32x4_t take_four(uint32x4_t x, uint32x4_t entry) {
  const uint32x4_t field = vdupq_n_u32(0xfff), rest = vshrq_n_u32(x, BITS);
  // x / 2^12 * f, where the entry has f - 1.
  x = vaddq_u32(rest, vandq_u32(entry, field));
  return vmlaq_u32(x, rest, vandq_u32(vshrq_n_u32(entry, 12), field));
}

static inline eight refill_eight(eight x, const uint8_t **at) {
  const uint32x4_t low = vcltq_u32(x.low, vdupq_n_u32(lowest)), high = vcltq_u32(x.high, vdupq_n_u32(lowest));
  const uint32_t lanes = chosen(low, high);
  const uint16x8_t words = vreinterpretq_u16_u8(vqtbl1q_u8(vld1q_u8(*at), vld1q_u8(spread[lanes & 0xff])));
  *at += lanes >> 8;
  const uint32x4_t first = vmovl_u16(vget_low_u16(words)), second = vmovl_high_u16(words);
  x.low = vbslq_u32(low, vsliq_n_u32(first, x.low, 16), x.low);
  x.high = vbslq_u32(high, vsliq_n_u32(second, x.high, 16), x.high);
  return x;
}

/// The high halves of eight entries.
static inline uint8x16_t high_halves(uint32x4_t low, uint32x4_t high) {
  return vreinterpretq_u8_u16(vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high)));
}

static size_t decode_vector(
    const lathe_rans_decoder *d, const uint8_t **at, const uint8_t *end, uint32_t *states, uint8_t *symbols,
    size_t whole) {
  eight x[4];
  for (int k = 0; k < 4; k++) x[k] = load_eight(states + 8 * k);
  const uint8_t *from = *at;
  size_t i = 0;
  // 32 lanes take at most 64 bytes; a load reaches 16 bytes from where the last words begin.
  for (; i < whole && end - from >= 80; i += LANES) {
    uint8x16_t halves[4];
#pragma clang loop unroll(full)
    for (int k = 0; k < 4; k++) {
      const uint32x4_t low = slots_of(d, x[k].low), high = slots_of(d, x[k].high);
      x[k] = (eight){take_four(x[k].low, low), take_four(x[k].high, high)};
      halves[k] = high_halves(low, high);
    }
#pragma clang loop unroll(full)
    for (int k = 0; k < 4; k++) x[k] = refill_eight(x[k], &from);
    vst1q_u8(symbols + i, vuzp2q_u8(halves[0], halves[1]));
    vst1q_u8(symbols + i + 16, vuzp2q_u8(halves[2], halves[3]));
  }
  *at = from;
  for (int k = 0; k < 4; k++) store_eight(states + 8 * k, x[k]);
  return i;
}
