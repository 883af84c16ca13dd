// A fuzzer of every loop in the tables of dispatch.hpp, which drives them as NumPy does but on memory that
// shows every fault.
//
//   test_fuzz_loops [--seconds S] [--cases N] [--seed SEED] [--replay SEED:CASE] [--isa NAME] [--only TEXT]
//                   [--digest yes]
//
// A case is a record, a type, lengths, strides and data, all drawn from its seed and number.  Each operand
// lies in a block of its exact extent beside a page that nobody may touch, inputs on pages that nobody may
// write; the workspace that a loop asks for lies so too.  The same case must give the same bits
//   - a second time, with other bytes in what nobody has written yet: outputs, workspace, stack;
//   - on every instruction set with fused multiply-add;
//   - for some rows alone, contiguous;
//   - with other numbers where a mask, a length or a label leaves them out;
//   - with every NaN replaced by the usual one; in place, where elements allow it; and from float16 as from
//   the same numbers in float32.
// With --digest the last line is a hash of all inputs and outputs, by which machines can be compared.
// Besides, nothing is written but the elements of outputs, floating-point flags stay as they are, and a call
// that fails says so once and writes nothing.
#include "fuzz/checks.hpp"

namespace {

// --- from the command line -----
void crashed(int signal, siginfo_t* info, void*) {
  char text[400];
  const int n = std::snprintf(
      text, sizeof text, "FAILED: %s: signal %d at address %p, %s\n  %s%s --replay %llu:%llu\n",
      current_text.c_str(), signal, info->si_addr, in_call ? "in the loop" : "outside of loops", program,
      isa_option.c_str(), (unsigned long long)(current_seed), (unsigned long long)(current_case));
  if (write(1, text, size_t(n)) != n) _exit(3);
  _exit(2);
}
unsigned char signal_stack[1 << 16];

int usage() {
  std::fprintf(stderr,
               "usage: %s [--seconds S] [--cases N] [--seed SEED] [--replay SEED:CASE] [--isa NAME] [--only "
               "TEXT] [--digest yes]\n",
               program);
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 5;
  unsigned long long cases = ~0ull, from = 0;
  std::string isa_name;
  program = argv[0];
  bool has_seconds = false, shows_digest = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (i + 1 == argc) return usage();
    const char* const value = argv[++i];
    if (word == "--seconds") {
      seconds = std::atof(value);
      has_seconds = true;
    } else if (word == "--cases") cases = std::strtoull(value, nullptr, 10);
    else if (word == "--seed") current_seed = std::strtoull(value, nullptr, 10);
    else if (word == "--isa") isa_name = std::string(std::strncmp(value, "isa_", 4) ? "isa_" : "") + value;
    else if (word == "--digest") shows_digest = true;
    else if (word == "--only") only_text = value;
    else if (word == "--replay") {
      char* colon;
      current_seed = std::strtoull(value, &colon, 10);
      if (*colon != ':') return usage();
      from = std::strtoull(colon + 1, nullptr, 10);
      cases = 1;
      is_replay = true;
    } else return usage();
  }
  if (cases != ~0ull && !has_seconds) seconds = std::numeric_limits<double>::infinity();

  // Sets with fused multiply-add give one result; one without is driven alone, by its name.
  std::vector<int> isas;
  for (int i = count() - 1; i >= 0; --i) {
    const char* const set = name(i);
    const bool has_fma = std::strcmp(set, "isa_x86_64_v2") && std::strcmp(set, "isa_scalar");
    if (supported(i) && (isa_name.empty() ? has_fma : isa_name == set)) isas.push_back(i);
  }
  if (isas.empty() && isa_name.empty() && best() >= 0) isas.push_back(best());
  if (isas.empty()) {
    std::fprintf(stderr, "%s: %s is not built in, or not supported by this processor\n", program,
                 isa_name.c_str());
    return 77;
  }
  if (!isa_name.empty()) isa_option = " --isa " + isa_name;
  page = size_t(sysconf(_SC_PAGESIZE));
  for (slot& s : memory) s.make();
  for (slot& s : heap) s.make();
  stack_t alternative{};
  alternative.ss_sp = signal_stack;
  alternative.ss_size = sizeof signal_stack;
  sigaltstack(&alternative, nullptr);
  struct sigaction action{};
  action.sa_sigaction = crashed;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigaction(signal, &action, nullptr);

  const auto begin = std::chrono::steady_clock::now();
  unsigned long long examined = 0, number = from;
  for (; number - from < cases; ++number) {
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > seconds) break;
    current_case = number;
    dice d = make_dice(current_seed, number);
    fuzz_case c;
    if (!draw(c, d, isas[0])) continue;
    ++examined;
    if (is_replay) std::printf("%s\n%s\n", current_text.c_str(), describe(c).c_str());
    examine(c, d, isas);
  }
  std::printf("%s: %llu cases (seed %llu, numbers %llu to %llu) on", program, examined,
              (unsigned long long)(current_seed), from, number);
  for (const int i : isas) std::printf(" %s", name(i));
  std::printf(": %d failures\n", failures);
  if (shows_digest) std::printf("digest %016llx\n", (unsigned long long)(digest));
  if (examined == 0) std::printf("nothing was examined\n");
  return failures != 0 || examined == 0;
}
