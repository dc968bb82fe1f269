// One frame, one write. Curses writes to the terminal with every jump of the cursor, dozens of times a frame; each
// write may wake the terminal and lose the processor to it, and over ssh be a packet of its own. So while curses works,
// its descriptor is put aside for a file in memory, and the frame then goes out in one piece.

#define _GNU_SOURCE
#define NCURSES_WIDECHAR 1
#include "update.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int terminal = -1;

void lathe_update_to(int descriptor) { terminal = descriptor; }

#ifdef __linux__

static bool write_all(const char *bytes, off_t count) {
  while (count > 0) {
    ssize_t written = write(terminal, bytes, (size_t)count);
    if (written < 0 && errno == EAGAIN) {
      struct pollfd writable = {.fd = terminal, .events = POLLOUT};
      poll(&writable, 1, 1000);
    } else if (written < 0 && errno != EINTR) {
      return false;  // the terminal is gone: the loop hears of it with its next poll
    } else if (written > 0) {
      bytes += written;
      count -= written;
    }
  }
  return true;
}

/// False where there is no file in memory to be had; nothing was done then.
static bool update_whole(void) {
  static int file = -2;
  if (file == -2) file = memfd_create("lathe frame", MFD_CLOEXEC);
  if (file < 0 || terminal < 0 || lseek(file, 0, SEEK_SET) < 0) return false;
  int aside = fcntl(terminal, F_DUPFD_CLOEXEC, 0);
  if (aside < 0) return false;
  if (dup3(file, terminal, O_CLOEXEC) < 0) {
    close(aside);
    return false;
  }
  doupdate();
  off_t size = lseek(file, 0, SEEK_CUR);
  dup3(aside, terminal, O_CLOEXEC);
  close(aside);
  // Read, not mapped: a mapping would wait for the page faults of every thread that reads weights.
  static char frame[1 << 16];
  for (off_t at = 0; at < size;) {
    // What lies beyond the size is left from longer frames before.
    size_t most = size - at < (off_t)sizeof frame ? (size_t)(size - at) : sizeof frame;
    ssize_t count = pread(file, frame, most, at);
    if (count <= 0) {
      redrawwin(stdscr);  // the rest of this frame is lost; the next one is a whole one
      break;
    }
    if (!write_all(frame, count)) break;
    at += count;
  }
  return true;
}

#else

static bool update_whole(void) { return false; }

#endif

void lathe_update(int y, int x, bool visible) {
  wmove(stdscr, y, x);
  wnoutrefresh(stdscr);
  curs_set(visible ? 1 : 0);
  // The first frame after endwin also sets the terminal's modes, which takes the terminal itself.
  if (isendwin() || !update_whole()) doupdate();
}
