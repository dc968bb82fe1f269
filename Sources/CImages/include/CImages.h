#ifndef LATHE_IMAGES_H
#define LATHE_IMAGES_H

#include <stddef.h>
#include <stdint.h>

/// A decoded image: rows of red, green and blue bytes. Free `pixels` with free().
typedef struct {
  uint32_t width, height;
  uint8_t *pixels;
} lathe_image;

/// Decodes a PNG or JPEG file's bytes (libpng, libjpeg), told by their signature; transparency lies on black.
///
/// Returns 0, or another number and in `reason` why. Of more than 2^25 pixels a JPEG is decoded at a half, a quarter or an
/// eighth of its size, a PNG is refused, before room is asked for.
int lathe_decode_image(const uint8_t *bytes, size_t count, lathe_image *image, char *reason, size_t reason_size);

#endif
