// Row losses as kernels, under the emulator, against the loops of the CPU: the same bits.
//
// Compiled once for each stored type, UFLOSS_TEST_TYPE; each form of row, and each schedule, in some of them.
// Calls are planned; what a plan asks for is looked up by its name among the kernels that are compiled here,
// so the names are tested too.
#include "row_calls.hpp"

using namespace row_calls;

namespace {

// --- what is tested -----
constexpr int computed = size == 8 ? 8 : 4;
template <class L> constexpr int bytes_of = L::in_double ? 8 : computed;
template <class L> constexpr long long short_rows = 128 / bytes_of<L>;
template <class L> constexpr long long block_of = 8192 / bytes_of<L>;

template <class L> void test_loss(bool every_length) {
  constexpr unsigned all = L::parts;
  add_schedules<L, all, 8, true>();
  add_schedules<L, L::parts & part_value, 1, false>();
  const lie c_order{{1, 0}}, apart{{1, 0}, 2}, columns{{0, 1}}, back{{1, 0}, 1, 1};
  std::uint64_t seed = 7;
  for (const long long n : {1ll, 2ll, 5ll, short_rows<L> - 1, short_rows<L>, short_rows<L> + 3, 100ll,
                            block_of<L>, block_of<L> + 1, 3 * block_of<L> + 5}) {
    if (!every_length && n > 100 && n < 2 * block_of<L>) continue;
    test_call t;
    t.axis = 1;
    t.shape = {n < short_rows<L> ? 41 : n > 1000 ? 1 : 5, n};
    t.lies = {apart, c_order};
    t.beforehand = false;
    run<L>(t, L::parts & part_value, ++seed);
    t.at_end = false;
    t.given = true;
    t.beforehand = true;
    t.masked = true;
    t.lies = {c_order, columns, apart, back, c_order};
    run<L>(t, all, ++seed);
    // a class axis in the middle, labels that are none
    const lie first{{2, 1, 0}}, last{{1, 2, 0}}, turned{{0, 1, 2}, 3, 2, 0};
    t.axis = 1;
    t.shape = {2, n, n > 1000 ? 1 : 3};
    t.lies = {first, last, turned, first};
    t.at_end = true;
    t.given = false;
    t.checked = t.label_bytes == 8;
    t.bad_labels = 30;
    run<L>(t, all, ++seed);
    t.label_bytes = 12 - t.label_bytes;
  }
}
/// Rows in registers: values of one loss, all parts of another.
template <class L, unsigned Parts> void test_held() {
  constexpr int parties = 32 * (16 / size) * bytes_of<L> / 128, most = parties < 8 ? parties : 8;
  constexpr long long few = 8 * short_rows<L>;
  add_warps<L, Parts, 1, 1>();
  add_warps<L, Parts, 2, 1>();
  add_warps<L, Parts, most, 8 / most>();
  add_clusters<L, Parts, 8, 1>();
  add_clusters<L, Parts, 16, 1>();
  add_clusters<L, Parts, 8, 2>();
  add_clusters<L, Parts, 8, 4>();
  constexpr long long k = 16 / size;
  std::uint64_t seed = 70;
  const auto test = [&](long long rows, long long n, int capability) {
    test_call t;
    t.axis = 1;
    t.shape = {rows, n};
    t.lies = {lie{{1, 0}}};
    t.beforehand = false;
    t.capability = capability;
    t.bad_labels = 10;
    run<L>(t, Parts, ++seed);
  };
  test(70, short_rows<L>, 7);
  test(40, few - k, 7);
  test(33, few + k, 7);
  test(19, 8 * few - k, 7);
  test(9, 8 * few, 7);
  test(3, 8 * few + k, 7);
  test(3, 3 * 8 * few - k, 9);
  test(2, 11 * 8 * few + k, 7);
  test(3, 9 * 8 * few + 5 * k, 9);
  test(2, 17 * 8 * few + k, 9);
}
/// More blocks than are merged at once.
template <class L> void test_long() {
  test_call t;
  t.axis = 1;
  t.shape = {1, 35 * block_of<L> + 3};
  t.lies = {lie{{1, 0}}};
  t.masked = true;
  run<L>(t, L::parts, 3);
}

// --- what is refused, and rows of nothing -----
template <class F> void refuses(const char* words, F change) {
  const loss_info* info = record("softmax_cross_entropy_with_integer_labels", "", false)->info;
  std::vector<long long> shape = {4, 6};
  const long long rows[] = {6 * size, size}, labels[] = {8, 0}, none[] = {0, 0}, of_value[] = {size, 0};
  std::vector<operand> operands = {{0, rows}, {0, labels}, {0, none}, {0, of_value}, {0, rows}};
  row_call call{info, part_value | part_grad, type, 2, shape.data(), 1, operands.data()};
  change(call, operands, shape);
  std::string said = "nothing";
  try {
    plan_row(call, device{});
  } catch (const std::invalid_argument& e) {
    said = e.what();
  }
  check(said.find(words) != std::string::npos, "'%s' is said, not '%s'", said.c_str(), words);
}
void test_refusals() {
  using all = std::vector<operand>&;
  using lengths = std::vector<long long>&;
  static const long long odd[] = {6 * size + 1, size}, repeated[] = {0, size};
  refuses("nothing", [](row_call&, all, lengths) {});
  refuses("no such axis", [](row_call& c, all, lengths) { c.axis = 2; });
  refuses("no such derivative", [](row_call& c, all, lengths) { c.parts = part_grad2; });
  refuses("4 or 8 bytes", [](row_call& c, all, lengths) { c.label_bytes = 2; });
  refuses("negative length", [](row_call&, all, lengths shape) { shape[0] = -1; });
  refuses("logits is not aligned", [](row_call&, all o, lengths) { o[0].strides = odd; });
  refuses("labels is not aligned", [](row_call&, all o, lengths) { o[1].address = 4; });
  refuses("output 1 has one place", [](row_call&, all o, lengths) { o[4].strides = repeated; });
  refuses("output 0 must be an array", [](row_call&, all o, lengths) { o[3].is_number = true; });
  refuses("no elements", [](row_call&, all, lengths shape) { shape[1] = 0; });
  refuses("no row loss", [](row_call& c, all, lengths) { c.loss = record("huber_loss", "", false)->info; });
}
/// Sums of no elements.
void test_empty() {
  add<rows_in_threads, kl_divergence, part_value, 1, false>("threads");
  const long long shape[] = {3, 0}, rows[] = {0, size}, of_value[] = {size, 0};
  guarded memory(3 * std::size_t(size), true);
  const long long to = reinterpret_cast<long long>(memory.data);
  const operand operands[] = {{0, rows}, {0, rows}, {to, of_value}};
  const long long addresses[] = {0, 0, to};
  const row_call call{record("kl_divergence", "", false)->info, part_value, type, 2, shape, 1, operands};
  for (const launch& l : plan_row(call, device{}).launches) kernels.at(l.kernel)(l, addresses, 0, 0);
  for (int r = 0; r < 3; ++r) check(get_number<S>(memory.data + r * size) == 0, "a sum of nothing is not 0");
}

}  // namespace

int main() {
  isa = dispatch::best();
  const std::string name = isa < 0 ? "" : dispatch::name(isa);
  if (name.find("_v2") != std::string::npos || name.find("scalar") != std::string::npos || isa < 0) {
    std::puts("SKIPPED: this processor has no fused multiply-add");
    return 77;
  }
  test_refusals();
  test_empty();
  if constexpr (type == number::float32) {
    test_loss<softmax_cross_entropy_with_integer_labels>(true);
    test_loss<multiclass_sparsemax_loss>(true);
    test_loss<log_softmax>(false);
    test_loss<softmax_kl_divergence>(false);
    test_loss<cosine_embedding_loss>(false);
    test_loss<kl_divergence>(false);
    test_held<softmax_cross_entropy_with_integer_labels, part_value | part_grad>();
    test_held<softmax_kl_divergence, part_value | part_grad2>();
    test_long<multiclass_sparsemax_loss>();
  } else if constexpr (type == number::float64) {
    test_loss<poly_loss_cross_entropy>(true);
    test_loss<ranking_softmax_loss>(false);
    test_loss<triplet_margin_loss>(false);
    test_loss<categorical_hinge>(false);
    test_loss<smooth_labels>(false);
    test_held<poly_loss_cross_entropy, poly_loss_cross_entropy::parts>();
    test_long<poly_loss_cross_entropy>();
  } else if constexpr (type == number::float16) {
    test_loss<softmax_cross_entropy_with_integer_labels>(false);
    test_loss<nll_loss_with_integer_labels>(false);
    test_held<softmax_cross_entropy_with_integer_labels, part_value>();
  } else {
    test_loss<softmax_cross_entropy>(false);
    test_loss<cosine_distance>(false);
    test_held<softmax_cross_entropy, part_value | part_grad>();
  }
  std::printf("%zu kernels, %lld launches, %lld numbers against %s\n", kernels.size(), ran, compared,
              name.c_str());
  check(compared > 100000, "too few numbers");
  return report("row_test");
}
