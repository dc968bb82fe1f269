#ifndef LATHE_RANS_H
#define LATHE_RANS_H

#include <stddef.h>
#include <stdint.h>

// Order-0 rANS (Duda, arXiv 1311.2540) over one-byte symbols in 32 lanes: symbol i belongs to lane i mod 32, so that
// lanes go through vector registers side by side (Giesen, arXiv 1402.3392). A state is in 2^15 … 2^31 - 1, takes in
// and gives off 16 bits at a time, and frequencies sum to 2^12.
//
// A stream: 32 states of 4 bytes, then 16-bit words in the order in which a decoder takes them; little-endian.
// Every level writes and reads the same bytes.

enum { LATHE_RANS_LANES = 32, LATHE_RANS_BITS = 12, LATHE_RANS_TOTAL = 1 << LATHE_RANS_BITS };

/// What the encoder needs of each symbol, and what the decoder needs of each slot.
typedef struct lathe_rans_encoder lathe_rans_encoder;
typedef struct lathe_rans_decoder lathe_rans_decoder;

/// Tables from frequencies that sum to 2^12, to be freed; NULL where they do not.
lathe_rans_encoder *lathe_rans_new_encoder(const uint16_t frequencies[256]);
lathe_rans_decoder *lathe_rans_new_decoder(const uint16_t frequencies[256]);
void lathe_rans_free_encoder(lathe_rans_encoder *encoder);
void lathe_rans_free_decoder(lathe_rans_decoder *decoder);

/// Bytes that `lathe_rans_encode` may touch for `count` symbols.
size_t lathe_rans_bound(size_t count);

/// Writes the stream of `count` symbols to `bytes` (room for the bound); returns its length, or 0 where a symbol
/// occurs that has no frequency.
size_t lathe_rans_encode(const lathe_rans_encoder *encoder, const uint8_t *symbols, size_t count, uint8_t *bytes);

/// Reads `count` symbols from a stream of exactly `size` bytes. Returns 0, or -1 for a stream that no encoder wrote:
/// too short or too long, a state out of its interval at either end. Reads nothing outside `bytes`.
int lathe_rans_decode(
    const lathe_rans_decoder *decoder, const uint8_t *bytes, size_t size, uint8_t *symbols, size_t count);

#endif
