// main() of a test that is compiled for one instruction set; itself compiled for none, so that it can ask
// before anything else runs.
#include <cstdio>
#include "dispatch.hpp"

int run_tests(int argc, char** argv);

int main(int argc, char** argv) {
  const int i = argc > 1 ? ufloss::dispatch::find(argv[1]) : -1;
  if (i < 0) {
    std::printf("usage: <test> isa_<name>, one that is built in\n");
    return 2;
  }
  // 77: what CTest counts as skipped.
  if (!ufloss::dispatch::supported(i)) {
    std::printf("SKIPPED: this processor lacks %s\n", argv[1]);
    return 77;
  }
  return run_tests(argc - 1, argv + 1);
}
