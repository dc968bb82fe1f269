/// What Swift cannot import from ncurses (macros, variadic functions, globals that are not
/// concurrency-safe), as plain functions and constants. Only TerminalUI/Ncurses uses it.
#ifndef LATHE_CNCURSES_H
#define LATHE_CNCURSES_H

// SwiftPM drops pkg-config's defines; the wide functions are declared only with these.
#define NCURSES_WIDECHAR 1
#ifndef _XOPEN_SOURCE_EXTENDED
#define _XOPEN_SOURCE_EXTENDED 1
#endif

#include <curses.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>
#include <wchar.h>

#include "width.h"

#include "restore.h"
#include "update.h"

/// Codes of the special keys.
enum {
  LATHE_KEY_DOWN = KEY_DOWN,
  LATHE_KEY_UP = KEY_UP,
  LATHE_KEY_LEFT = KEY_LEFT,
  LATHE_KEY_RIGHT = KEY_RIGHT,
  LATHE_KEY_SHIFT_DOWN = KEY_SF,
  LATHE_KEY_SHIFT_UP = KEY_SR,
  LATHE_KEY_SHIFT_LEFT = KEY_SLEFT,
  LATHE_KEY_SHIFT_RIGHT = KEY_SRIGHT,
  LATHE_KEY_HOME = KEY_HOME,
  LATHE_KEY_END = KEY_END,
  LATHE_KEY_PAGE_UP = KEY_PPAGE,
  LATHE_KEY_PAGE_DOWN = KEY_NPAGE,
  LATHE_KEY_BACKSPACE = KEY_BACKSPACE,
  LATHE_KEY_DELETE = KEY_DC,
  LATHE_KEY_ENTER = KEY_ENTER,
  LATHE_KEY_BACK_TAB = KEY_BTAB,
  LATHE_KEY_MOUSE = KEY_MOUSE,
  LATHE_KEY_RESIZE = KEY_RESIZE,
};

/// Attributes of a cell, as bits of `lathe_glyph.attributes`.
enum { LATHE_BOLD = 1, LATHE_DIM = 2, LATHE_REVERSE = 4, LATHE_UNDERLINE = 8 };

/// One cell to draw: a spacing scalar, up to three combining ones (0 ends them), look.
typedef struct {
  uint32_t scalars[4];
  int32_t foreground;  // -1: the terminal's own
  int32_t background;
  uint32_t attributes;
} lathe_glyph;

enum { LATHE_INPUT_NONE, LATHE_INPUT_SCALAR, LATHE_INPUT_KEY };

/// One event of the keyboard or the mouse: a scalar that was typed, or a `LATHE_KEY_…`.
typedef struct {
  long kind;
  long code;
} lathe_input;

/// One report of the mouse, in cells from the upper left.
typedef struct {
  int x, y;
  int button;  // 1…3; 4 and 5 are the wheel, up and down; 0: none that we know
  bool press, release, drag, shift;
} lathe_mouse;

/// The number of colours of the terminal; 0 without colour.
static inline int lathe_colors(void) { return has_colors() ? COLORS : 0; }

static inline int lathe_rows(void) { return getmaxy(stdscr); }
static inline int lathe_columns(void) { return getmaxx(stdscr); }

/// The pair of two colours; 0 where the terminal has none left. `alloc_pair` reuses the pair
/// that was not used for longest, so that a terminal of 64 pairs does not run out.
static inline int lathe_pair(int foreground, int background) {
  if (!has_colors() || (foreground < 0 && background < 0)) return 0;
#if defined(NCURSES_EXT_COLORS) && NCURSES_EXT_COLORS && NCURSES_EXT_FUNCS >= 20170318
  int pair = alloc_pair(foreground, background);
  return pair < 0 ? 0 : pair;
#else
  enum { TABLE = 256 };
  static struct { short foreground, background; } known[TABLE];
  static int used = 1;
  for (int i = 1; i < used; i++)
    if (known[i].foreground == foreground && known[i].background == background) return i;
  if (used >= TABLE || used >= COLOR_PAIRS) return 0;
  known[used].foreground = (short)foreground;
  known[used].background = (short)background;
  init_pair((short)used, (short)foreground, (short)background);
  return used++;
#endif
}

/// Puts a run of cells into curses' own screen; the lower-right cell included.
static inline void lathe_put(int y, int x, const lathe_glyph *glyphs, int count) {
  enum { CHUNK = 64 };
  cchar_t cells[CHUNK];
  int foreground = -1, background = -1, pair = 0, n = 0, column = x;
  for (int i = 0; i < count; i++) {
    const lathe_glyph *g = &glyphs[i];
    if (g->foreground != foreground || g->background != background) {
      foreground = g->foreground;
      background = g->background;
      pair = lathe_pair(foreground, background);
    }
    wchar_t text[5] = {0};
    for (int k = 0; k < 4; k++) text[k] = (wchar_t)g->scalars[k];
    attr_t attributes = ((g->attributes & LATHE_BOLD) ? A_BOLD : 0) |
                        ((g->attributes & LATHE_DIM) ? A_DIM : 0) |
                        ((g->attributes & LATHE_REVERSE) ? A_REVERSE : 0) |
                        ((g->attributes & LATHE_UNDERLINE) ? A_UNDERLINE : 0);
#if defined(NCURSES_EXT_COLORS) && NCURSES_EXT_COLORS
    int *extended = &pair;  // a pair above 255 does not fit the short argument
#else
    void *extended = NULL;
#endif
    if (setcchar(&cells[n], text, attributes, (short)(pair & 0x7fff), extended) == ERR) {
      text[0] = L'?';
      text[1] = 0;
      setcchar(&cells[n], text, attributes, (short)(pair & 0x7fff), extended);
    }
    n++;
    if (n == CHUNK || i + 1 == count) {
      mvwadd_wchnstr(stdscr, y, column, cells, n);
      for (int k = i + 1 - n; k <= i; k++) {
        int width = lathe_width(glyphs[k].scalars[0]);
        column += width > 1 ? width : 1;
      }
      n = 0;
    }
  }
}

/// Mouse reports of the form `ESC [ <` come as they are: curses would wait for the end of one without looking at anything
/// else, signals included.
static inline void lathe_mouse_unread(void) {
#ifdef NCURSES_EXT_FUNCS
  define_key("\033[<", 0);
#endif
}

/// A window of no place on the screen: reading from it never repaints `stdscr`.
static inline void *lathe_input_window(void) {
  WINDOW *pad = newpad(1, 1);
  if (pad) {
    keypad(pad, TRUE);
    nodelay(pad, TRUE);
    lathe_mouse_unread();
  }
  return pad;
}

/// Has the cursor keys sent as the terminal's description says, again after the screen was left.
static inline void lathe_keypad(void *window) { keypad(window, TRUE); }

/// The next event that is there already; waits at most ESCDELAY, after an escape byte.
static inline lathe_input lathe_read(void *window) {
  wint_t code = 0;
  int kind = wget_wch(window, &code);
  lathe_input input = {LATHE_INPUT_NONE, 0};
  if (kind == ERR) return input;
  input.kind = kind == KEY_CODE_YES ? LATHE_INPUT_KEY : LATHE_INPUT_SCALAR;
  input.code = (long)code;
  return input;
}

/// Presses and releases of three buttons, the wheel, and where it goes while a button is held (the terminal has to be told
/// that by itself). No clicks: they would make curses wait.
static inline void lathe_mouse_enable(bool on) {
  mouseinterval(0);
  mmask_t mask = BUTTON1_PRESSED | BUTTON1_RELEASED | BUTTON2_PRESSED | BUTTON2_RELEASED |
                 BUTTON3_PRESSED | BUTTON3_RELEASED | BUTTON4_PRESSED | BUTTON_SHIFT |
                 REPORT_MOUSE_POSITION;
#ifdef BUTTON5_PRESSED
  mask |= BUTTON5_PRESSED;
#endif
  mousemask(on ? mask : 0, NULL);
  lathe_mouse_unread();
}

/// Takes the latest report that waits; false when there is none.
static inline bool lathe_mouse_read(lathe_mouse *out) {
  MEVENT event;
  if (getmouse(&event) != OK) return false;
  mmask_t b = event.bstate;
  memset(out, 0, sizeof *out);
  out->x = event.x;
  out->y = event.y;
  out->shift = (b & BUTTON_SHIFT) != 0;
  out->press = (b & (BUTTON1_PRESSED | BUTTON2_PRESSED | BUTTON3_PRESSED | BUTTON4_PRESSED)) != 0;
  out->release = (b & (BUTTON1_RELEASED | BUTTON2_RELEASED | BUTTON3_RELEASED)) != 0;
  if (b & (BUTTON1_PRESSED | BUTTON1_RELEASED)) out->button = 1;
  if (b & (BUTTON2_PRESSED | BUTTON2_RELEASED)) out->button = 2;
  if (b & (BUTTON3_PRESSED | BUTTON3_RELEASED)) out->button = 3;
  if (b & BUTTON4_PRESSED) out->button = 4;
  if (b & REPORT_MOUSE_POSITION && !out->press && !out->release) {
    out->button = 1;
    out->drag = true;
  }
#ifdef BUTTON5_PRESSED
  if (b & BUTTON5_PRESSED) {
    out->button = 5;
    out->press = true;
  }
#endif
  return true;
}

/// A string capability of terminfo; NULL where the terminal has none.
static inline const char *lathe_capability(const char *name) {
  char *value = tigetstr((char *)(uintptr_t)name);
  return value == (char *)-1 ? NULL : value;
}

/// Starts curses on two descriptors, raw and without echo. `type` NULL means TERM. Returns NULL
/// where the type is unknown; nothing was written to the terminal then.
static inline void *lathe_open_screen(const char *type, int output, int input) {
  FILE *out = fdopen(dup(output), "w"), *in = fdopen(dup(input), "r");
#ifdef NCURSES_EXT_FUNCS
  if (!getenv("ESCDELAY")) set_escdelay(25);
#endif
  SCREEN *screen = out && in ? newterm((char *)(uintptr_t)type, out, in) : NULL;
  if (!screen) {
    if (out) fclose(out);
    if (in) fclose(in);
    return NULL;
  }
  lathe_update_to(fileno(out));
  // An update is never broken off because a key is waiting: the next frame is not far.
  typeahead(-1);
  raw();
  noecho();
  nonl();
  if (has_colors()) {
    start_color();
    use_default_colors();
  }
  return screen;
}

/// Tells curses the terminal's true size, if it changed while nobody was told.
static inline void lathe_check_size(int output) {
  struct winsize size;
  if (ioctl(output, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return;
  if (size.ws_row != getmaxy(stdscr) || size.ws_col != getmaxx(stdscr))
    resizeterm(size.ws_row, size.ws_col);
}

/// Bytes that wait to be read; 0 at the end of the input too.
static inline int lathe_waiting(int input) {
  int count = 0;
  return ioctl(input, FIONREAD, &count) == 0 ? count : 0;
}

/// All cells anew with the next update, whatever curses believes the terminal shows.
static inline void lathe_repaint(void) { redrawwin(stdscr); }
static inline void lathe_erase(void) { werase(stdscr); }

#endif
