#ifndef LATHE_FILE_ACCESS_H
#define LATHE_FILE_ACCESS_H

#include <stddef.h>
#include <stdint.h>

/// Installs the handlers of SIGBUS and SIGSEGV that guarded gathers need; later calls do nothing.
///
/// A fault inside a guarded gather ends that gather. Any other goes to the handler that was installed before this
/// call (or to the default action), so a program that restores its terminal on a crash installs its own first.
void lathe_guard_install(void);

/// Copies `count` elements of `size` bytes (1, 2, 4, 8 or 16) that lie `stride` bytes apart in a mapping to one after
/// another. Returns 0, or −1 where a page could not be read: the file was cut short under its mapping, or its disk
/// failed. `into` then holds an undefined part of the bytes.
int lathe_guarded_gather(void *into, const void *from, size_t size, size_t stride, size_t count);

/// Lets the allocator have two heaps instead of eight a processor, where it is glibc's: each sets 64 MB of addresses aside,
/// and a program must not fail where addresses are few. What is large is mapped by itself anyway.
void lathe_limit_heaps(void);

/// 128 bits that stand for some bytes: SipHash-2-4 under a key of two words, little-endian.
void lathe_digest(const void *bytes, size_t count, const uint64_t key[2], uint64_t digest[2]);

/// The same for many bytes, several times as fast: the digest of four digests, of every fourth word each (without their
/// lengths), of how many bytes there are, and of the up to 31 bytes behind the last four words.
void lathe_wide_digest(const void *bytes, size_t count, const uint64_t key[2], uint64_t digest[2]);

#endif
