#ifndef LATHE_WIDTH_H
#define LATHE_WIDTH_H

#include <stdbool.h>
#include <stdint.h>

/// Columns that a Unicode scalar takes in a terminal: 2, 1, 0 for combining marks, -1 for control
/// characters. It asks C's `wcwidth` in a UTF-8 locale, whatever the process's own locale is.
int lathe_width(uint32_t scalar);

/// Whether the process's locale, as set by `setlocale`, encodes characters as UTF-8.
bool lathe_locale_is_utf8(void);

#endif
