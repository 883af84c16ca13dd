// What each of the kinds answers to a call: the one place that lists them.
#pragma once
#include "ufloss/cuda/call.hpp"
#include "ufloss/cuda/elementwise_plan.hpp"

UFL_BEGIN
namespace gpu {

/// An elementwise loss: inputs, mask and outputs are broadcast to one shape.
inline answer answer_elementwise(const call& c, const device& on) {
  const loss_info& loss = *c.loss;
  const number type = type_of(c);
  if (c.all_axes || !c.axes.empty() || c.keepdims) refuse(loss, "has no axis: it is a loss by element");

  lengths shape;
  for (int a = 0; a < loss.nargs; ++a)
    broadcast_into(loss, shape, c.inputs[std::size_t(a)].shape, loss.args[a].name);
  for (const call_array& m : c.mask) broadcast_into(loss, shape, m.shape, "where");
  for (std::size_t k = 0; k < c.outputs.size(); ++k)
    broadcast_into(loss, shape, c.outputs[k].shape, output_name(c, k));

  answer all;
  all.outputs.assign(std::size_t(c.results), {element(int(type)), shape});
  all.leaves_gaps = !c.mask.empty();
  all.in_place = true;
  check_outputs(c, all.outputs);

  std::vector<lengths> strides;
  std::vector<operand> operands;
  const auto add = [&](const call_array& x) {
    strides.push_back(strides_in(shape, x));
    operands.push_back({x.address, nullptr, x.is_number, x.is_number ? nearest(type, x.value) : 0.0});
  };
  for (const call_array& x : c.inputs) add(x);
  for (std::size_t k = 0; k < all.outputs.size(); ++k)
    add(c.outputs.empty() ? call_array{element(int(type)), shape, c_order(shape, size_of(type))}
                          : c.outputs[k]);
  for (const call_array& m : c.mask) add(m);
  for (std::size_t a = 0; a < operands.size(); ++a) operands[a].strides = strides[a].data();
  elementwise_call inner{&loss, c.parts, type, int(shape.size()), shape.data(), operands.data()};
  inner.masked = !c.mask.empty();
  all.work = plan_elementwise(inner, on);
  return all;
}

/// Outputs and launches of a call; std::invalid_argument, or wrong_type, where it is wrong.
inline answer answer_of(const call& c, const device& on) {
  if (int(c.inputs.size()) != c.loss->nargs)
    refuse(*c.loss, "takes " + std::to_string(c.loss->nargs) + " arguments");
  switch (c.loss->kind) {
    case loss_kind::elementwise: return answer_elementwise(c, on);
    case loss_kind::row:
    case loss_kind::list:
    case loss_kind::pairs:
    case loss_kind::lattice:
    case loss_kind::helper: break;
  }
  refuse(*c.loss, std::string("there are no kernels of this kind (") + name_of(c.loss->kind) + ") yet");
}

}  // namespace gpu
UFL_END
