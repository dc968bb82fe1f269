#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "width.h"

#include <langinfo.h>
#include <locale.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <wchar.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

static locale_t utf8;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_locale(void) {
  static const char *names[] = {"C.UTF-8", "C.utf8", "en_US.UTF-8", "UTF-8", NULL};
  for (int i = 0; names[i] && !utf8; i++) utf8 = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
}

/// Without any UTF-8 locale: the large blocks of wide characters only.
static int plain_width(uint32_t c) {
  bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
              (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
              (c >= 0xff00 && c <= 0xff60) || (c >= 0x1f300 && c <= 0x1faff) ||
              (c >= 0x20000 && c <= 0x3fffd);
  bool combining = c >= 0x300 && c <= 0x36f;
  return wide ? 2 : combining ? 0 : 1;
}

int lathe_width(uint32_t scalar) {
  if (scalar >= 0x20 && scalar < 0x7f) return 1;
  if (scalar < 0xa0) return -1;
  if (scalar >= 0x2500 && scalar <= 0x259f) return 1;  // boxes and blocks
  pthread_once(&once, open_locale);
  if (!utf8) return plain_width(scalar);
  locale_t before = uselocale(utf8);
  int width = wcwidth((wchar_t)scalar);
  uselocale(before);
  return width;
}

bool lathe_locale_is_utf8(void) {
  const char *codeset = nl_langinfo(CODESET);
  return codeset && (strcmp(codeset, "UTF-8") == 0 || strcmp(codeset, "utf8") == 0);
}
