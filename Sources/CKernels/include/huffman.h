#ifndef LATHE_HUFFMAN_H
#define LATHE_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

// Canonical Huffman codes over one-byte symbols, words of at most 11 bits, in eight streams side by side, so that a
// decoder's eight chains of table look-ups do not wait for each other. Symbol i belongs to stream i mod 8; bits fill
// bytes from the lowest on, a word begins with its highest bit.
//
// A block: the lengths of the first seven streams (4 bytes each, little-endian), then the streams.

enum { LATHE_HUFFMAN_BITS = 11, LATHE_HUFFMAN_STREAMS = 8 };

typedef struct lathe_huffman_encoder lathe_huffman_encoder;
typedef struct lathe_huffman_decoder lathe_huffman_decoder;

/// Tables from code word lengths (0 … 11), to be freed; NULL where the lengths are those of no complete prefix code.
/// One symbol alone has a word of one bit.
lathe_huffman_encoder *lathe_huffman_new_encoder(const uint8_t lengths[256]);
lathe_huffman_decoder *lathe_huffman_new_decoder(const uint8_t lengths[256]);
void lathe_huffman_free_encoder(lathe_huffman_encoder *encoder);
void lathe_huffman_free_decoder(lathe_huffman_decoder *decoder);

/// Bytes that `lathe_huffman_encode` may touch for `count` symbols.
size_t lathe_huffman_bound(size_t count);

/// Writes the block of `count` symbols; returns its length, or 0 where a symbol occurs that has no word.
size_t lathe_huffman_encode(
    const lathe_huffman_encoder *encoder, const uint8_t *symbols, size_t count, uint8_t *bytes);

/// Reads `count` symbols from a block of exactly `size` bytes. Returns 0, or -1 for a block that no encoder wrote: a
/// stream that is too short or too long, lengths that do not fit. Reads nothing outside `bytes`.
int lathe_huffman_decode(
    const lathe_huffman_decoder *decoder, const uint8_t *bytes, size_t size, uint8_t *symbols, size_t count);

#endif
