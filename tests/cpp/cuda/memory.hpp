// Operands between pages that nobody may touch.
#pragma once
#include <sys/mman.h>
#include <unistd.h>
#include <cstddef>
#include <cstring>
#include <stdexcept>

/// Memory whose last byte, or whose first, lies beside such a page.
class guarded {
 public:
  guarded(std::size_t bytes, bool at_end) {
    const std::size_t page = std::size_t(sysconf(_SC_PAGESIZE)), pages = (bytes + page - 1) / page + 2;
    all = pages * page;
    void* p = mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::runtime_error("no memory");
    start = static_cast<char*>(p);
    if (mprotect(start + page, all - 2 * page, PROT_READ | PROT_WRITE)) throw std::runtime_error("mprotect");
    std::memset(start + page, 0x5a, all - 2 * page);
    data = at_end ? start + all - page - bytes : start + page;
  }
  guarded(guarded&& o) noexcept : data(o.data), start(o.start), all(o.all) { o.start = nullptr; }
  guarded(const guarded&) = delete;
  guarded& operator=(const guarded&) = delete;
  ~guarded() {
    if (start) munmap(start, all);
  }
  char* data;

 private:
  char* start;
  std::size_t all;
};
