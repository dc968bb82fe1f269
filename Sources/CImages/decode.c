#include "CImages.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

// 100 MB of red, green and blue. Larger JPEGs are decoded at a half, a quarter or an eighth of their size.
static const uint64_t most_pixels = (uint64_t)1 << 25;
// What libjpeg may hold of a progressive image beside that.
static const long most_jpeg_memory = 128 << 20;

static int fail(char *reason, size_t size, const char *text) {
  snprintf(reason, size, "%s", text);
  return 1;
}

static int decode_png(const uint8_t *bytes, size_t count, lathe_image *image, char *reason, size_t reason_size) {
  png_image png;
  memset(&png, 0, sizeof png);
  png.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&png, bytes, count)) return fail(reason, reason_size, png.message);
  if (png.width == 0 || png.height == 0 || (uint64_t)png.width * png.height > most_pixels) {
    png_image_free(&png);
    return fail(reason, reason_size, "too many pixels");
  }
  png.format = PNG_FORMAT_RGB;
  image->width = png.width;
  image->height = png.height;
  image->pixels = malloc(PNG_IMAGE_SIZE(png));
  if (!image->pixels) {
    png_image_free(&png);
    return fail(reason, reason_size, "no memory");
  }
  const png_color black = {0, 0, 0};
  if (!png_image_finish_read(&png, &black, image->pixels, 0, NULL)) {
    free(image->pixels);
    image->pixels = NULL;
    return fail(reason, reason_size, png.message);
  }
  return 0;
}

typedef struct {
  struct jpeg_error_mgr manager;
  jmp_buf back;
  char text[JMSG_LENGTH_MAX];
} jpeg_failure;

static void leave(j_common_ptr jpeg) {
  jpeg_failure *failure = (jpeg_failure *)jpeg->err;
  jpeg->err->format_message(jpeg, failure->text);
  longjmp(failure->back, 1);
}

static void keep_silent(j_common_ptr jpeg, int level) {
  // Level -1: damaged data, which libjpeg would fill up with grey.
  if (level < 0) leave(jpeg);
}

static int decode_jpeg(const uint8_t *bytes, size_t count, lathe_image *image, char *reason, size_t reason_size) {
  struct jpeg_decompress_struct jpeg;
  jpeg_failure failure;
  uint8_t *volatile pixels = NULL;
  jpeg.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = leave;
  failure.manager.emit_message = keep_silent;
  if (setjmp(failure.back)) {
    jpeg_destroy_decompress(&jpeg);
    free(pixels);
    return fail(reason, reason_size, failure.text);
  }
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, bytes, (unsigned long)count);
  jpeg_read_header(&jpeg, TRUE);
  jpeg.mem->max_memory_to_use = most_jpeg_memory;
  jpeg.out_color_space = JCS_RGB;
  jpeg.scale_num = 1;
  for (jpeg.scale_denom = 1; jpeg.scale_denom <= 8; jpeg.scale_denom *= 2) {
    jpeg_calc_output_dimensions(&jpeg);
    if ((uint64_t)jpeg.output_width * jpeg.output_height <= most_pixels) break;
  }
  if (jpeg.scale_denom > 8) {
    jpeg_destroy_decompress(&jpeg);
    return fail(reason, reason_size, "too many pixels");
  }
  jpeg_start_decompress(&jpeg);
  const size_t row = (size_t)jpeg.output_width * 3;
  pixels = malloc(row * jpeg.output_height);
  if (!pixels) {
    jpeg_destroy_decompress(&jpeg);
    return fail(reason, reason_size, "no memory");
  }
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW line = pixels + row * jpeg.output_scanline;
    jpeg_read_scanlines(&jpeg, &line, 1);
  }
  image->width = jpeg.output_width;
  image->height = jpeg.output_height;
  image->pixels = pixels;
  jpeg_finish_decompress(&jpeg);
  jpeg_destroy_decompress(&jpeg);
  return 0;
}

int lathe_decode_image(const uint8_t *bytes, size_t count, lathe_image *image, char *reason, size_t reason_size) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  image->pixels = NULL;
  if (count >= 8 && memcmp(bytes, png, 8) == 0) return decode_png(bytes, count, image, reason, reason_size);
  if (count >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
    return decode_jpeg(bytes, count, image, reason, reason_size);
  return fail(reason, reason_size, "is neither PNG nor JPEG");
}
