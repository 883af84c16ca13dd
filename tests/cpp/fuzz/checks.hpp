// What must hold of every case.
#pragma once
#include "draw.hpp"

namespace {

// --- what must hold -----
int failures = 0;
// One line for each loop and kind of fault: a mistake in a loop shows in thousands of its cases.
std::set<std::string> shown_faults;
bool is_replay = false;

/// Lengths, layouts and the first numbers of each operand, for a replay.
std::string describe(const fuzz_case& c) {
  std::string s = "  lengths";
  for (const ptrdiff_t n : c.lengths) s += " " + std::to_string(n);
  if (is_line(c)) s += c.divides ? ", a mean" : ", a sum";
  for (const operand& x : c.operands) {
    s += std::string("\n  ") + (x.output ? "output " : "input ") + x.role + std::to_string(x.size) + " steps";
    for (int a = 0; a < x.rank; ++a)
      s += " " + std::to_string(x.step[a]) + (x.own[a] != x.dims[a] ? "(broadcast)" : "");
    s += x.at_end ? ", before a forbidden page" : ", behind a forbidden page";
    if (!x.output && x.count() > 0 && x.role != 'B') {
      s += ":";
      for (ptrdiff_t i = 0; i < x.count() && i < 12; ++i) {
        char text[40];
        if (x.role == 'I' || x.role == 'N') {
          long long v;
          std::memcpy(&v, x.data.data() + i * 8, 8);
          std::snprintf(text, sizeof text, " %lld", v);
        } else std::snprintf(text, sizeof text, " %.9g", get_number(x.data.data() + i * x.size, x));
        s += text;
      }
    }
  }
  return s;
}
bool expect(bool ok, const fuzz_case& c, int isa, const char* format, ...)
    __attribute__((format(printf, 4, 5)));
/// Counts a failure and says how to replay it.
bool expect(bool ok, const fuzz_case& c, int isa, const char* format, ...) {
  if (ok) return true;
  ++failures;
  char what[400];
  va_list rest;
  va_start(rest, format);
  std::vsnprintf(what, sizeof what, format, rest);
  va_end(rest);
  // one line for each loop and kind of fault: the words before the first colon
  const std::string key = current_text + std::string(what).substr(0, std::string(what).find(':'));
  if (!is_replay && (!shown_faults.insert(key).second || shown_faults.size() > 60)) return false;
  std::printf("FAILED: %s on %s: %s\n  %s%s --replay %llu:%llu\n", current_text.c_str(), name(isa), what,
              program, isa_option.c_str(), (unsigned long long)(current_seed),
              (unsigned long long)(current_case));
  if (is_replay) std::printf("%s\n", describe(c).c_str());
  std::fflush(stdout);
  return false;
}

/// The first element in which two outputs differ, NaNs aside (unless `strict`); -1: none.
ptrdiff_t differs(const bytes& a, const bytes& b, const operand& x, bool strict) {
  for (ptrdiff_t i = 0; i < ptrdiff_t(a.size()) / x.size; ++i) {
    const unsigned char *p = a.data() + i * x.size, *q = b.data() + i * x.size;
    if (std::memcmp(p, q, size_t(x.size)) && (strict || !is_number_nan(p, x) || !is_number_nan(q, x)))
      return i;
  }
  return -1;
}
std::vector<const operand*> outputs_of(const fuzz_case& c) {
  std::vector<const operand*> found;
  for (const operand& x : c.operands)
    if (x.output) found.push_back(&x);
  return found;
}
/// Both calls fail, or both give the same bits.  strict: NaNs too, as one set gives them twice; sets may
/// choose other ones.
bool expect_same(const outcome& a, const outcome& b, const fuzz_case& c, int isa, const char* what,
                 bool strict = false) {
  if (!expect(a.result == b.result, c, isa, "%s: %d, then %d is returned", what, a.result, b.result))
    return false;
  if (a.result != 0) return true;
  const auto outs = outputs_of(c);
  for (size_t k = 0; k < outs.size(); ++k) {
    const ptrdiff_t at = differs(a.out[k], b.out[k], *outs[k], strict);
    if (at >= 0) {
      const operand& x = *outs[k];
      // get_number() reads floating point alone.
      if (x.role == 'N') return expect(false, c, isa, "%s: output %zu differs at %td", what, k, at);
      return expect(false, c, isa, "%s: output %zu is %.17g, then %.17g at %td", what, k,
                    get_number(a.out[k].data() + at * x.size, x),
                    get_number(b.out[k].data() + at * x.size, x), at);
    }
  }
  return true;
}

/// Items [from, from + m) of the batch alone, contiguous.
fuzz_case part_of(const fuzz_case& c, ptrdiff_t from, ptrdiff_t m) {
  fuzz_case p = c;
  p.lengths[0] = m;
  for (operand& x : p.operands) {
    if (x.dims[0] == c.lengths[0] && x.own[0] == x.dims[0]) {
      // Operands lie item by item, so that a part of the batch is a part of the bytes.
      const ptrdiff_t item = x.count() / x.own[0] * x.size;
      if (!x.output) x.data = bytes(x.data.begin() + from * item, x.data.begin() + (from + m) * item);
      x.own[0] = m;
    } else if (m == 1) x.own[0] = 1;
    x.dims[0] = m;
    x.lay_densely();
  }
  return p;
}
/// The same with other numbers in what takes no part; false: there is nothing of the kind.
bool scramble(fuzz_case& c, const loss_record& r, dice& d) {
  bool any = false;
  const auto change = [&](operand& x, const ptrdiff_t* i) {
    unsigned char* const p = x.data.data() + x.index(i) * x.size;
    if (x.role == 'I' || x.role == 'N') {
      const long long v = d.one_of<long long>({-1, 1LL << 40, LLONG_MAX, 3});
      std::memcpy(p, &v, 8);
    } else put_special(p, x, d);
    any = true;
  };
  // Of kinds but sequences a mask leaves elements out; there lengths do too.
  const operand* mask = nullptr;
  for (int k = 0; k < c.nin; ++k)
    if (c.operands[size_t(k)].role == 'B') mask = &c.operands[size_t(k)];
  const auto takes_part = [&](ptrdiff_t i, ptrdiff_t j) {
    const ptrdiff_t at[most_dims] = {i, j, 0};
    return !mask || mask->data[size_t(mask->index(at))] != 0;
  };
  if (c.kind == rows_of_numbers || c.kind == sums || c.kind == regions || c.kind == batches_of_vectors) {
    if (!mask || (c.kind == rows_of_numbers && !r.masked)) return false;
    for (int k = 0; k < c.nin; ++k) {
      operand& x = c.operands[size_t(k)];
      // A number that is broadcast takes part elsewhere.
      if (&x == mask || x.rank < 2 || x.is_broadcast()) continue;
      for (ptrdiff_t i = 0; i < x.dims[0]; ++i)
        for (ptrdiff_t j = 0; j < x.dims[1]; ++j)
          for (ptrdiff_t e = 0; e < (x.rank > 2 ? x.dims[2] : 1); ++e) {
            const ptrdiff_t at[most_dims] = {i, j, e};
            if (!takes_part(i, j)) change(x, at);
          }
    }
    return any;
  }
  if (c.kind != sequences || c.fails) return false;
  const int at = 1 + r.masked;
  operand &logits = c.operands[0], &labels = c.operands[size_t(at)];
  for (ptrdiff_t s = 0; s < c.lengths[0]; ++s) {
    const ptrdiff_t at_s[most_dims] = {s, 0, 0};
    const long long frames = get_integer(c.operands[size_t(at + 1)], at_s),
                    n = get_integer(c.operands[size_t(at + 2)], at_s);
    // Behind the label's length, behind the frames' and in frames that are masked out.
    if (!labels.is_broadcast())
      for (ptrdiff_t i = ptrdiff_t(n); i < labels.dims[1]; ++i) {
        const ptrdiff_t of[most_dims] = {s, i, 0};
        change(labels, of);
      }
    if (!logits.is_broadcast())
      for (ptrdiff_t t = 0; t < logits.dims[1]; ++t)
        for (ptrdiff_t k = 0; (t >= frames || !takes_part(s, t)) && k < logits.dims[2]; ++k) {
          const ptrdiff_t of[most_dims] = {s, t, k};
          change(logits, of);
        }
  }
  return any;
}

/// Of all inputs and outputs; every NaN of an output is the same NaN.
std::uint64_t digest = 0xcbf29ce484222325u;
void add_to_digest(const fuzz_case& c, const outcome& o) {
  // FNV-1a: order counts, and so does every byte.
  const auto add = [](const unsigned char* p, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; ++i) digest = (digest ^ p[i]) * 0x100000001b3u;
  };
  // Inputs too: where machines draw other cases, their digests say so.
  for (const operand& x : c.operands)
    if (!x.output) add(x.data.data(), ptrdiff_t(x.data.size()));
  add(reinterpret_cast<const unsigned char*>(&o.result), sizeof o.result);
  if (o.result != 0) return;
  const auto outs = outputs_of(c);
  for (size_t k = 0; k < outs.size(); ++k) {
    const ptrdiff_t size = outs[k]->size;
    if (is_replay) std::printf("  output %zu:", k);
    for (ptrdiff_t i = 0; i < ptrdiff_t(o.out[k].size()); i += size) {
      const unsigned char* const p = o.out[k].data() + i;
      // A NaN's sign and payload are the machine's.
      if (outs[k]->role == 'N' || !is_number_nan(p, *outs[k])) add(p, size);
      if (is_replay && outs[k]->role != 'N') std::printf(" %.17g", get_number(p, *outs[k]));
    }
    if (is_replay) std::printf("\n");
  }
}

/// One case: what every call must keep, then calls that differ in what must not count.
void examine(const fuzz_case& c, dice& d, const std::vector<int>& isas) {
  const int first = isas[0];
  const loss_record& r = record_of(first, c);
  outcome a;
  for (const int isa : isas) {
    // 0xff is NaN and -1; the others make zeros, ordinary numbers and huge ones.
    const unsigned char byte =
        isa == first ? 0xff : d.one_of<unsigned char>({0x00, 0x3f, 0xa5, 0x7f, 0xfe, 0xdf});
    const outcome o = run(c, isa, byte);
    expect(o.flags_kept, c, isa, "floating-point flags are left behind");
    expect(o.heap_kept, c, isa, "something beyond the workspace is written");
    expect(o.lock_kept, c, isa, "the lock is not taken back");
    expect(o.rest_kept, c, isa, "something beside the elements of an output is written");
    expect(o.result == 0 || o.result == -1, c, isa, "a loop returns: %d", o.result);
    expect(o.said == (o.result != 0), c, isa, "failures are told: %d times at a result of %d", o.said,
           o.result);
    // Faults are looked for before anything is computed.
    if (o.result != 0) expect(!o.written, c, isa, "a call that fails has written results");
    // Both ways round: a fault is found, and none is found where there is none.
    if (!c.may_fail)
      expect((o.result != 0) == c.fails, c, isa, "a fault is %s",
             c.fails ? "not seen" : "seen where there is none");
    if (isa == first) a = o;
    else expect_same(a, o, c, isa, (std::string("other bits than on ") + name(first)).c_str());
  }
  add_to_digest(c, a);
  // One set for the rest, by lot: together the cases go over all.
  const int isa = isas[size_t(d.below(ptrdiff_t(isas.size())))];
  const unsigned char byte = d.one_of<unsigned char>({0x00, 0x3f, 0xa5, 0x7f, 0xfe, 0xdf});
  expect_same(isa == first ? a : run(c, isa, 0xff), run(c, isa, byte), c, isa, "other bits a second time",
              true);
  // These ask for a workspace; the others have none that could be refused.
  const bool is_list = record_of(isa, c).info->kind == loss_kind::list;
  if (c.kind == sequences || c.kind == batches_of_vectors || is_list) {
    const outcome o = run(c, isa, 0xa5, true);
    expect(o.result == -1 || (o.result == 1 && !c.fails) || (c.fails && o.result != 0), c, isa,
           "without memory: %d is returned", o.result);
    if (o.result == -1)
      expect(o.said == 1 && !o.written && o.lock_kept, c, isa, "without memory: told %d times, results %s",
             o.said, o.written ? "written" : "kept");
  }
  // A call that fails has no numbers to compare.
  if (a.result != 0) return;

  // some of the batch alone
  if (!is_line(c))
    // One item, then any number of them; contiguous, so that layouts are compared as well.
    for (int repeat = 0; repeat < 2; ++repeat) {
      const ptrdiff_t m = repeat ? d.between(1, c.lengths[0]) : 1, from = d.between(0, c.lengths[0] - m);
      const fuzz_case p = part_of(c, from, m);
      const outcome o = run(p, isa, byte);
      if (!expect(o.result == 0, c, isa, "alone: items from %td on fail", from)) break;
      const auto outs = outputs_of(c);
      for (size_t k = 0; k < outs.size(); ++k) {
        const size_t item = c.lengths[0] ? a.out[k].size() / size_t(c.lengths[0]) : 0;
        const bytes whole(a.out[k].begin() + ptrdiff_t(size_t(from) * item),
                          a.out[k].begin() + ptrdiff_t(size_t(from + m) * item));
        const ptrdiff_t at = differs(whole, o.out[k], *outs[k], false);
        if (at >= 0 &&
            !expect(false, c, isa, "other bits alone: output %zu, element %td of the %td items from %td on",
                    k, at, m, from))
          break;
      }
    }
  if (fuzz_case other = c; scramble(other, r, d))
    expect_same(a, run(other, first, 0xa5), other, first,
                "other bits for other numbers in what takes no part");
  {  // every NaN the usual one
    // Payloads must not reach a result, nor choose a way.
    fuzz_case usual = c;
    bool any = false;
    for (operand& x : usual.operands)
      for (ptrdiff_t i = 0; !x.output && i < x.count(); ++i) {
        unsigned char* const p = x.data.data() + i * x.size;
        if (is_number_nan(p, x)) {
          put_number(p, x, std::numeric_limits<double>::quiet_NaN());
          any = true;
        }
      }
    if (any) expect_same(a, run(usual, first, 0xa5), c, first, "a NaN's payload counts");
  }
  if (c.kind == elements) {
    fuzz_case same = c;
    const int k = int(d.below(c.nin));
    // NumPy lets an output be an input where elements correspond; which, is drawn.
    if (!same.operands[size_t(k)].is_broadcast()) {
      same.operands[size_t(c.nin + d.below(r.nout))].alias = k;
      expect_same(a, run(same, isa, byte), c, isa, "other bits in place");
    }
  }
  // float16 is computed in float32: nothing may be lost before the last rounding.
  if (c.type == float16_to_float32_loop || (c.type == float16_loop && c.kind == elements)) {
    fuzz_case wide = c;
    wide.type = float32_loop;
    for (operand& x : wide.operands) {
      const operand before = x;
      set_size(x, float32_loop);
      if (!x.output && x.size != before.size) {
        x.data.assign(size_t(x.count() * x.size), 0);
        for (ptrdiff_t i = 0; i < x.count(); ++i)
          put_number(x.data.data() + i * x.size, x, get_number(before.data.data() + i * before.size, before));
      }
      x.lay_densely();
    }
    outcome o = run(wide, isa, byte);
    if (c.type == float16_loop) {  // rounded once
      const auto outs = outputs_of(c), wider = outputs_of(wide);
      for (size_t k = 0; k < outs.size(); ++k) {
        bytes rounded(a.out[k].size());
        // A bound that rounds to 0 stands as the smallest half, since it is divided by.
        const bool is_bound = (r.parts & part_bound) && k + 1 == outs.size();  // stays positive
        for (ptrdiff_t i = 0; i < outs[k]->count(); ++i) {
          const double x = get_number(o.out[k].data() + i * 4, *wider[k]);
          put_number(rounded.data() + i * 2, *outs[k], is_bound && x < 0x1p-24 ? 0x1p-24 : x);
        }
        o.out[k] = rounded;
      }
    }
    expect_same(a, o, c, isa, "other numbers than from float32");
  }
}

}  // namespace
