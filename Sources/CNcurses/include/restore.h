#ifndef LATHE_RESTORE_H
#define LATHE_RESTORE_H

#include <stdbool.h>
#include <stddef.h>

/// Installs the handlers for faults (ILL TRAP SEGV BUS ABRT FPE), once for the process. Call it first
/// in `main`: who installs a handler for the same signals later (a guarded read's SIGBUS) passes on
/// to this one. If a screen is armed, a fault puts the terminal back as it was; then the former
/// handler runs, so that a crash report lands on the ordinary screen.
void lathe_signals_install(void);

/// While the screen is up TERM, HUP, INT, QUIT, TSTP and CONT are only noted, and the signal pipe is
/// written; the loop does the rest. One of the four that end a process ends it at once if the loop
/// has not taken the first yet. Call it before curses starts and again after: curses puts its own
/// handlers in place of some. The second call also wraps curses' SIGWINCH handler, so that a resize
/// wakes the loop whichever thread it strikes.
void lathe_signals_screen_up(void);

/// Gives those signals their former handlers back.
void lathe_signals_screen_down(void);

/// The end of the signal pipe to poll; -1 before `lathe_signals_install`.
int lathe_signals_fd(void);

/// The signals noted since the last call, bit n for signal n; empties the pipe.
unsigned long long lathe_signals_take(void);

/// Stops the process group as Ctrl-Z does, and returns when it is continued.
void lathe_signals_stop(void);

/// Remembers the settings of the terminal `fd` as they are now, the ones to go back to.
void lathe_restore_save(int fd);

/// From now on a fault writes `bytes` (at most 511) to `fd` and restores the saved settings. If
/// `stderr_copy` is not negative it is the true standard error, and `stderr_file` what was written
/// to descriptor 2 meanwhile: put back and copied.
void lathe_restore_arm(int fd, const char *bytes, size_t count, int stderr_copy, int stderr_file);

/// The screen is down: a fault finds nothing to restore.
void lathe_restore_disarm(void);

/// Where work that was not written goes when the program ends without being asked: `path`, or `other` where that cannot
/// be. Folders are made as they are missing; neither file is ever written over.
void lathe_rescue_to(const char *path, const char *other);

/// The work to keep: `count` bytes, copied; none where everything was written. From any thread.
void lathe_rescue_keep(const char *bytes, size_t count);

/// The file that what is kept takes the place of: it is taken away once that is written. NULL for none.
void lathe_rescue_replaces(const char *path);

/// Writes what is kept, once, and says on standard error where. Safe in a signal handler.
bool lathe_rescue_now(void);

/// Puts the terminal back now, if armed. Safe in a signal handler.
void lathe_restore_now(void);

#endif
