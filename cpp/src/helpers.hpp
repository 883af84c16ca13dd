// Records of functions that Python's own losses are made of.
#pragma once
#include "dispatch.hpp"
#include "ufloss/kinds/elementwise/kind.hpp"
#include "ufloss/kinds/row/kind.hpp"

UFL_BEGIN
namespace {

/// Of a helper only the name and the operands are known: it is no loss of the registry.
template <int N> constexpr loss_info helper_info(const char* name, const argument (&args)[N]) {
  return {name, loss_kind::helper, args, N, part_value, 0, 0, 0, "", "", "", "", "", "", ""};
}
/// Of float16 there is no loop.
template <strided_loop* OfFloat, strided_loop* OfDouble>
constexpr loss_record helper(const loss_info& about, int nin, int nout, const char* signature,
                             const char* roles) {
  return {&about, "", nin, nout, part_value, {nullptr, OfFloat, OfDouble}, signature, false, roles};
}

}  // namespace
UFL_END
