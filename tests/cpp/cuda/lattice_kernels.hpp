// The kernels of a lattice that its test compiles, by the names that plans have for them.
#pragma once
#include <map>
#include <string>
#include "ufloss/cuda/lattice.hpp"
#include "ufloss/cuda/lattice_plan.hpp"

using namespace ufloss;
using namespace ufloss::gpu;

namespace {

using runner = void (*)(const launch&, const long long*, unsigned, long long);
std::map<std::string, runner> kernels;
const char* text(bool b) { return b ? "true" : "false"; }
template <class K> void add(const std::string& name) {
  kernels["ufloss::gpu::" + name] = emulator::run_kernel<K>;
}
template <class S, bool LogProbs, int Lanes, bool Packed> void add_begin(const std::string& s) {
  add<lattice_begin<S, LogProbs, Lanes, Packed>>("lattice_begin<" + s + ", " + text(LogProbs) + ", " +
                                                 std::to_string(Lanes) + ", " + text(Packed) + ">");
}
template <class S, bool LogProbs, int K, bool Rows> void add_halves(const std::string& s) {
  const std::string name = "lattice_half_kernel<" + s + ", " + text(LogProbs) + ", " + std::to_string(K) +
                           ", " + text(Rows) + ", ";
  add<lattice_half_kernel<S, LogProbs, K, Rows, false>>(name + "false>");
  add<lattice_half_kernel<S, LogProbs, K, Rows, true>>(name + "true>");
}
template <class S, bool LogProbs> void add_ways(const std::string& s) {
  add_halves<S, LogProbs, 1, true>(s);
  add<lattice_careful<S, LogProbs, true>>("lattice_careful<" + s + ", " + text(LogProbs) + ", true>");
  if constexpr (sizeof(S) == 4) {
    add_halves<S, LogProbs, 1, false>(s);
    add<lattice_careful<S, LogProbs, false>>("lattice_careful<" + s + ", " + text(LogProbs) + ", false>");
  }
}
template <class S, lattice_rows Of, bool Packed> void add_rows(const std::string& s, const char* of) {
  add<lattice_rows_kernel<S, Of, Packed>>("lattice_rows_kernel<" + s + ", ufloss::gpu::lattice_rows::" + of +
                                          ", " + text(Packed) + ">");
}
template <class S> void add_type(number type) {
  const std::string s = type_of(type);
  add_begin<S, false, 8, false>(s);
  add_begin<S, false, 8, true>(s);
  add_ways<S, false>(s);
  add_rows<S, lattice_rows::gradient, false>(s, "gradient");
  add_rows<S, lattice_rows::gradient, true>(s, "gradient");
  if constexpr (sizeof(S) >= 4) {
    add_begin<S, true, 8, false>(s);
    add_begin<S, true, 8, true>(s);
    add_ways<S, true>(s);
    add_rows<S, lattice_rows::log_prob_gradient, false>(s, "log_prob_gradient");
    add_rows<S, lattice_rows::log_prob_gradient, true>(s, "log_prob_gradient");
    add<lattice_path<S>>("lattice_path<" + s + ">");
  }
  if constexpr (sizeof(S) == 4) {
    add_begin<S, false, 32, true>(s);
    add_halves<S, false, 2, true>(s);
    add_halves<S, false, 4, true>(s);
    add_rows<S, lattice_rows::classes, false>(s, "classes");
    add_rows<S, lattice_rows::classes, true>(s, "classes");
    add_rows<S, lattice_rows::states, false>(s, "states");
  }
}

}  // namespace
