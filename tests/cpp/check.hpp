// What the C++ tests need of a framework: a count of failures, and where they were.
#pragma once
#include <cstdarg>
#include <cstdio>

// One count for the whole program, whichever of its units fails.
inline int failures = 0;

/// Counts a failure and says which; prints the first few only, since one mistake may fail at every point.
inline bool check(bool ok, const char* format, ...) {
  if (ok) return true;
  if (++failures <= 20) {
    va_list rest;
    va_start(rest, format);
    std::printf("FAILED: ");
    std::vprintf(format, rest);
    std::printf("\n");
    va_end(rest);
  }
  return false;
}
/// The last line of a test, and its exit status.
inline int report(const char* name) {
  std::printf("%s: %d failures\n", name, failures);
  return failures != 0;
}
