// CTC as kernels, under the emulator, against the CPU's loops in float64 of the same logits: losses and rows
// within bounds, best paths exactly, and the same bits in every order of threads.
//
// Calls are planned; what a plan asks for is looked up by its name among the kernels that are compiled here.
#include <algorithm>
#include <cmath>
#include "../check.hpp"
#include "dispatch.hpp"
#include "lattice_kernels.hpp"
#include "memory.hpp"
#include "numbers.hpp"
#include "ufloss/cuda/lattice_plan.hpp"
#include "ufloss/ufloss.hpp"

namespace {

// --- what the CPU says -----
int isa = -1;
const loss_record& record(const char* loss, const char* attribute) {
  for (int unit = 0; unit < dispatch::units(); ++unit) {
    const kernel_table& table = dispatch::table(isa, unit);
    for (int k = 0; k < table.size; ++k) {
      const loss_record& r = table.records[k];
      if (std::string(r.info->name) == loss && std::string(r.attribute) == attribute && !r.masked) return r;
    }
  }
  throw std::runtime_error(std::string("no loop of ") + loss + "." + attribute);
}
struct wanted_output {
  const char *loss, *attribute;
  ctc_output output;
};
constexpr wanted_output value_alone = {"ctc.loss", "", ctc_output::value},
                        value_and_grad = {"ctc.loss", "value_and_grad", ctc_output::value_and_grad},
                        grad = {"ctc.loss", "grad", ctc_output::grad},
                        of_log_probs = {"ctc.loss_from_log_probs", "value_and_grad",
                                        ctc_output::value_and_grad},
                        log_prob_value = {"ctc.loss_from_log_probs", "", ctc_output::value},
                        states = {"ctc.posteriors", "", ctc_output::states},
                        classes = {"ctc.class_posteriors", "", ctc_output::classes},
                        best_path = {"ctc.align", "", ctc_output::path_and_score};

// --- calls -----
enum class content { random, repeats, peaked, minus_inf, far, nan, wrong_label, wrong_length, too_long };
struct test_call {
  wanted_output what;
  long long frames, classes, labels, blank = 0;
  double scale = 1;
  content of = content::random;
  std::vector<long long> shape = {2};
  bool masked = false, gaps = false, careful = false, few_threads = false, in_parts = false;
};
struct bounds {
  double loss, rows;  ///< relative and absolute errors, beside the rounding of results
};
bounds most = {0, 0};
long long ran = 0;

/// An array with strides in bytes, whose last or first byte is beside a page that nobody may touch.
struct array_of {
  guarded memory;
  std::vector<long long> strides;
  array_of(const std::vector<long long>& shape, long long size, long long gap, bool at_end)
      : memory(std::size_t(bytes(shape, size, gap)), at_end), strides(shape.size()) {
    long long step = size * gap;
    for (std::size_t d = shape.size(); d-- > 0; step *= shape[d]) strides[d] = step;
  }
  static long long bytes(const std::vector<long long>& shape, long long size, long long gap) {
    long long n = 1;
    for (const long long length : shape) n *= length;
    return n ? size * ((n - 1) * gap + 1) : 0;
  }
  char* at(const std::vector<long long>& index) const {
    char* p = memory.data;
    for (std::size_t d = 0; d < index.size(); ++d) p += index[d] * strides[d];
    return p;
  }
};
std::vector<long long> joined(std::vector<long long> a, const std::vector<long long>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// One sequence by the CPU, in double.
struct answer {
  std::vector<double> rows;
  std::vector<long long> path;
  double value = 0;
};
answer on_the_cpu(const test_call& t, long long width, const std::vector<double>& logits, long long frames,
                  std::vector<long long> label, long long label_length) {
  const bool path = t.what.output == ctc_output::path_and_score;
  answer a;
  a.rows.assign(std::size_t(frames * width), -7);
  a.path.assign(std::size_t(frames), -7);
  label.push_back(0);
  long long numbers[] = {frames, label_length, t.blank};
  const auto bytes = [](const void* p) { return static_cast<char*>(const_cast<void*>(p)); };
  char* const rows = path ? bytes(a.path.data()) : bytes(a.rows.data());
  char* const score = bytes(&a.value);
  std::vector<char*> args = {bytes(logits.data()), bytes(label.data()), bytes(numbers), bytes(numbers + 1),
                             bytes(numbers + 2)};
  switch (t.what.output) {
    case ctc_output::value: args.push_back(score); break;
    case ctc_output::value_and_grad: args.insert(args.end(), {score, rows}); break;
    case ctc_output::path_and_score: args.insert(args.end(), {rows, score}); break;
    default: args.push_back(rows);
  }
  const std::ptrdiff_t n[] = {1, frames, t.classes, t.labels, width};
  std::vector<std::ptrdiff_t> steps(args.size(), 0);
  steps.insert(steps.end(), {t.classes * 8, 8, 8, path ? 8 : width * 8, 8});
  record(t.what.loss, t.what.attribute).loops[float64_loop](context{}, args.data(), n, steps.data());
  return a;
}

template <class S> void run(const test_call& t, number type, bounds bound, std::uint64_t seed) {
  const loss_info* info = record(t.what.loss, t.what.attribute).info;
  const bool path = t.what.output == ctc_output::path_and_score,
             log_probs = info->args[0].name[0] == 'l' && info->args[0].name[3] == '_';
  const bool has_rows = t.what.output != ctc_output::value,
             has_value =
                 path || t.what.output == ctc_output::value || t.what.output == ctc_output::value_and_grad;
  const long long width = t.what.output == ctc_output::states ? 2 * t.labels + 1 : path ? 1 : t.classes;
  const long long size = sizeof(S);
  const bool at_end = seed % 2;
  dice d{seed};
  array_of logits(joined(t.shape, {t.frames, t.classes}), size, 1 + t.gaps, at_end),
      labels(joined(t.shape, {t.labels}), 8, 1, at_end), frames(t.shape, 8, 1, at_end),
      lengths(t.shape, 8, 1, at_end), mask(joined(t.shape, {t.frames}), 1, 1, at_end),
      values(t.shape, size, 1, at_end),
      rows(joined(t.shape, path ? std::vector<long long>{t.frames} : std::vector<long long>{t.frames, width}),
           path ? 8 : size, t.gaps && !path ? 3 : 1, at_end);
  double blank = double(t.blank);
  const long long true_blank = t.blank < 0 ? t.blank + t.classes : t.blank;

  std::vector<std::vector<long long>> items(1);
  for (const long long n : t.shape) {
    std::vector<std::vector<long long>> more;
    for (const auto& i : items)
      for (long long k = 0; k < n; ++k) more.push_back(joined(i, {k}));
    items = more;
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    const long long n = i % 3 == 2 ? 0 : i % 3 == 1 ? t.labels - t.labels / 3 : t.labels;
    long long length = i % 2 ? t.frames - t.frames / 4 : t.frames;
    if (t.of == content::wrong_length && i == 1) length = t.frames + 1;
    std::memcpy(lengths.at(items[i]), &n, 8);
    std::memcpy(frames.at(items[i]), &length, 8);
    for (long long k = 0; k < t.labels; ++k) {
      long long of = d.below(t.of == content::repeats ? 2 : t.classes);
      if (of == true_blank) of = (of + 1) % t.classes;
      if (k >= n) of = 1ll << 40;  // not to be read
      if (t.of == content::wrong_label && i == 0 && k == n / 2) of = k % 2 ? -5 : t.classes + 100000;
      std::memcpy(labels.at(joined(items[i], {k})), &of, 8);
    }
    for (long long v = 0; v < t.frames; ++v) {
      *mask.at(joined(items[i], {v})) = d.chance(30) ? 0 : d.chance(50) ? 1 : 64;
      for (long long k = 0; k < t.classes; ++k) {
        double x = t.scale * (d.unit() + d.unit() + d.unit() - 1.5);
        if (t.of == content::peaked) x += k == (v % 2 ? true_blank : (true_blank + 1) % t.classes) ? 18 : 0;
        if (t.of == content::minus_inf && k != true_blank && d.chance(20)) x = -INFINITY;
        if (t.of == content::far && d.chance(30)) x = d.chance(50) ? -1e9 : -3e38;
        if (log_probs && t.of != content::far) x = x - 5;
        put_number<S>(logits.at(joined(items[i], {v, k})), x);
      }
    }
    if (t.of == content::nan && i == 1) put_number<S>(logits.at(joined(items[i], {2, true_blank})), NAN);
  }

  // the call
  std::vector<operand> operands = {{reinterpret_cast<long long>(logits.memory.data), logits.strides.data()},
                                   {reinterpret_cast<long long>(labels.memory.data), labels.strides.data()},
                                   {reinterpret_cast<long long>(frames.memory.data), frames.strides.data()},
                                   {reinterpret_cast<long long>(lengths.memory.data), lengths.strides.data()},
                                   {0, nullptr, true, blank}};
  const operand of_value = {reinterpret_cast<long long>(values.memory.data), values.strides.data()},
                of_row = {reinterpret_cast<long long>(rows.memory.data), rows.strides.data()};
  if (path) operands.insert(operands.end(), {of_row, of_value});
  else {
    if (has_value) operands.push_back(of_value);
    if (has_rows) operands.push_back(of_row);
  }
  if (t.masked) operands.push_back({reinterpret_cast<long long>(mask.memory.data), mask.strides.data()});
  std::vector<long long> addresses;
  for (const operand& o : operands) addresses.push_back(o.address);
  lattice_call call{info,     t.what.output, type,     int(t.shape.size()), t.shape.data(),
                    t.frames, t.classes,     t.labels, operands.data()};
  call.masked = t.masked;
  call.careful = t.careful;
  if (t.few_threads) call.most_threads = 32;
  if (t.in_parts) call.most_workspace = 1;
  const plan p = plan_lattice(call, device{});
  check(t.in_parts == (p.launches.size() > 8), "%zu launches", p.launches.size());

  std::vector<unsigned char> first_bits;
  for (const unsigned order : {unsigned(seed % 2), unsigned(2 + seed % 100)}) {
    guarded workspace(std::size_t(p.workspace), at_end);
    std::memset(workspace.data, 0xff, std::size_t(p.workspace));
    for (const launch& l : p.launches) {
      const auto kernel = kernels.find(l.kernel);
      if (!check(kernel != kernels.end(), "%s is not compiled here", l.kernel.c_str())) return;
      kernel->second(l, addresses.data(), order, reinterpret_cast<long long>(workspace.data));
      ++ran;
    }
    std::vector<unsigned char> bits;
    const auto keep = [&](const char* p, std::size_t n) { bits.insert(bits.end(), p, p + n); };
    for (const auto& item : items) {
      if (has_value) keep(values.at(item), sizeof(S));
      for (long long v = 0; has_rows && v < t.frames; ++v)
        for (long long k = 0; k < width; ++k)
          keep(path ? rows.at(joined(item, {v})) : rows.at(joined(item, {v, k})), path ? 8 : sizeof(S));
    }
    if (first_bits.empty()) first_bits = bits;
    check(bits == first_bits, "%s.%s: bits depend on the order of threads", t.what.loss, t.what.attribute);
  }

  // against the CPU
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    long long n, length;
    std::memcpy(&n, lengths.at(item), 8);
    std::memcpy(&length, frames.at(item), 8);
    const bool wrong_length = length > t.frames, wrong_label = t.of == content::wrong_label && i == 0;
    std::vector<long long> in, label;
    for (long long v = 0; v < std::min(length, t.frames); ++v)
      if (!t.masked || *mask.at(joined(item, {v}))) in.push_back(v);
    std::vector<double> x;
    for (const long long v : in)
      for (long long k = 0; k < t.classes; ++k) x.push_back(get_number<S>(logits.at(joined(item, {v, k}))));
    for (long long k = 0; k < t.labels; ++k) {
      label.push_back(0);
      std::memcpy(&label.back(), labels.at(joined(item, {k})), 8);
    }
    x.push_back(0);
    const bool is_nan = wrong_length || wrong_label;
    answer want;
    if (!is_nan) want = on_the_cpu(t, width, x, (long long)in.size(), label, n);
    if (is_nan) want.value = NAN;
    const double rounding = sizeof(S) == 8             ? 0
                            : type == number::bfloat16 ? 0x1p-8
                            : sizeof(S) == 2           ? 0x1p-11
                                                       : 0x1p-24;
    const auto near = [&](double got, double expected, double tolerance, double& worst, const char* of,
                          long long v, long long k) {
      if (expected != expected || std::isinf(expected))
        return check(got == expected || (got != got && expected != expected),
                     "%s.%s: %s (%zu, %lld, %lld) is %g instead of %g", t.what.loss, t.what.attribute, of, i,
                     v, k, got, expected);
      const double error = std::max(std::fabs(got - expected) - rounding * std::fabs(expected), 0.0);
      worst = std::max(worst, error / (of[0] == 'l' ? std::max(std::fabs(expected), 1e-300) : 1));
      return check(error <= tolerance, "%s.%s: %s (%zu, %lld, %lld) is %.10g instead of %.10g", t.what.loss,
                   t.what.attribute, of, i, v, k, got, expected);
    };
    if (has_value)
      near(get_number<S>(values.at(item)), want.value,
           std::max(bound.loss * std::fabs(want.value),
                    type == number::float16 ? 0x1p-25 : 1e-15 * double(in.size())),
           most.loss, "loss", 0, 0);
    if (!has_rows) continue;
    for (long long v = 0; v < t.frames; ++v) {
      const auto found = std::find(in.begin(), in.end(), v);
      const bool takes_part = found != in.end();
      const std::size_t at = std::size_t(found - in.begin());
      if (path) {
        long long got;
        std::memcpy(&got, rows.at(joined(item, {v})), 8);
        const long long expected = takes_part && !is_nan ? want.path[at] : -1;
        check(got == expected, "%s: frame %lld of %zu is in state %lld instead of %lld", t.what.loss, v, i,
              got, expected);
        continue;
      }
      for (long long k = 0; k < width; ++k) {
        const double expected = wrong_length || (wrong_label && takes_part) ? NAN
                                : takes_part ? want.rows[at * std::size_t(width) + std::size_t(k)]
                                             : 0;
        near(get_number<S>(rows.at(joined(item, {v, k}))), expected,
             bound.rows + (type == number::float16 ? 0x1p-25 : 0), most.rows, "row", v, k);
      }
    }
  }
}

}  // namespace

int main() {
  for (int k = 0; k < dispatch::count(); ++k)
    if (dispatch::supported(k)) isa = k;
  if (isa < 0) return 77;
  add_type<half>(number::float16);
  add_type<bfloat16>(number::bfloat16);
  add_type<float>(number::float32);
  add_type<double>(number::float64);
  std::uint64_t seed = 40;
  const bounds in_float = {1e-7, 1e-6}, in_double = {1e-14, 1e-13};
  const auto both = [&](const test_call& t) {
    run<float>(t, number::float32, in_float, ++seed);
    run<double>(t, number::float64, in_double, ++seed);
  };
  const auto all = [&](const test_call& t) {
    both(t);
    run<half>(t, number::float16, in_float, ++seed);
    run<bfloat16>(t, number::bfloat16, in_float, ++seed);
  };
  // lengths: a warp, several, several pairs a thread; none of a kind
  for (const long long labels : {0, 1, 33}) {
    test_call t{value_and_grad, 2 * labels + 5, 8, labels};
    t.shape = {3};
    all(t);
  }
  for (const long long labels : {40, 90, 140}) {  // 2 and 4 pairs a thread, and the careful way
    test_call t{value_and_grad, labels + 15, 12, labels};
    t.few_threads = true;
    run<float>(t, number::float32, in_float, ++seed);
  }
  for (const long long frames : {0, 1, 2, 3, 31, 33}) {
    test_call t{value_and_grad, frames, 7, frames ? 1 : 0};
    t.blank = -1;
    both(t);
    t.what = best_path;
    both(t);
  }
  // layouts, masks, broadcasts, parts
  for (const bool masked : {false, true})
    for (const bool gaps : {false, true}) {
      test_call t{value_and_grad, 17, 9, 4, 3};
      t.shape = {2, 3};
      t.masked = masked;
      t.gaps = gaps;
      all(t);
      t.what = of_log_probs;
      both(t);
      t.what = best_path;
      both(t);
      for (const wanted_output& what : {value_alone, grad, states, classes, log_prob_value}) {
        t.what = what;
        run<float>(t, number::float32, in_float, ++seed);
      }
    }
  {
    test_call t{value_and_grad, 20, 132, 5, 131};
    t.shape = {5};
    t.in_parts = true;
    run<float>(t, number::float32, in_float, ++seed);
  }
  // contents, both ways
  for (const content of : {content::repeats, content::peaked, content::minus_inf, content::far, content::nan,
                           content::wrong_label, content::wrong_length, content::too_long})
    for (const bool careful : {false, true}) {
      test_call t{value_and_grad, 15, 8, of == content::too_long ? 15 : 5};
      t.of = of;
      t.careful = careful;
      t.masked = of == content::wrong_label;
      both(t);
      t.what = of_log_probs;
      both(t);
      t.what = best_path;
      both(t);
      for (const wanted_output& what : {value_alone, states, classes}) {
        t.what = what;
        run<float>(t, number::float32, in_float, ++seed);
      }
    }
  for (const double scale : {20.0, 400.0, 5000.0}) {
    test_call t{value_and_grad, 25, 8, 5};
    t.scale = scale;
    both(t);
    t.what = of_log_probs;
    both(t);
  }
  report("lattice kernels");
  std::printf("%lld launches; most errors: loss %.2g, rows %.2g\n", ran, most.loss, most.rows);
  return failures != 0;
}
