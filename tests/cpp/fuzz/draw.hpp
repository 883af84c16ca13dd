// A case drawn from its seed and number.
#pragma once
#include "numbers.hpp"

namespace {

// --- drawing a case -----
/// An operand's axes from "(t,k)"; letters are numbered as they appear, from 1.
void read_axes(const char*& s, std::string& letters, operand& x) {
  x.rank = 1;
  x.letter[0] = 0;
  for (++s; *s != ')'; ++s) {
    if (*s == ',') continue;
    size_t at = letters.find(*s);
    if (at == std::string::npos) {
      at = letters.size();
      letters += *s;
    }
    x.letter[x.rank++] = int(at) + 1;
  }
  ++s;
}
/// Bytes of an element, by its role and the loop's type; labels, lengths and weights of sums have 8 always.
void set_size(operand& x, loop_type type) {
  x.is_half = false;
  if (x.role == 'I' || x.role == 'N' || x.role == 'D') x.size = 8;
  else if (x.role == 'B') x.size = 1;
  else if (type == float16_to_float32_loop) x.size = !x.output && std::strchr("FTW", x.role) ? 2 : 4;
  else x.size = type == float16_loop ? 2 : type == float32_loop ? 4 : 8;
}
/// One of the list, or a neighbour.
ptrdiff_t near(dice& d, std::initializer_list<ptrdiff_t> list, ptrdiff_t by) {
  return std::max<ptrdiff_t>(0, d.one_of(list) + d.between(-by, by));
}

/// Short, near the sizes of packs, tiles or blocks, or anything.
ptrdiff_t draw_length(dice& d, group kind, char letter) {
  switch (kind) {
    case rows_of_numbers:
      switch (d.below(8)) {
        case 0:
        case 1: return d.between(d.chance(0.1) ? 0 : 1, 8);
        case 2:
        case 3: return near(d, {8, 16, 32, 64, 128}, 2);
        case 4:
        case 5: return d.between(1, 200);
        case 6: return near(d, {1024, 2048, 3072, 4096}, 2);
        default: return d.between(1, 5000);
      }
    case sums:
    case regions:
      return d.chance(0.5)   ? d.between(0, 40)
             : d.chance(0.5) ? near(d, {256, 512, 1024, 2048}, 2)
                             : d.between(0, 3000);
    case sequences:
      if (letter == 'k')
        return d.chance(0.5)   ? d.between(1, 8)
               : d.chance(0.5) ? near(d, {8, 16, 32, 64}, 1)
                               : d.between(1, 80);
      return d.chance(0.5)   ? d.between(0, 12)
             : d.chance(0.5) ? near(d, {8, 16, 24, 32, 40, 64}, 2)
                             : d.between(0, 100);
    default:
      if (letter == 'd')
        return d.chance(0.1) ? 0 : d.chance(0.5) ? d.between(1, 9) : near(d, {8, 16, 32, 64}, 1);
      return d.chance(0.5)   ? d.between(0, 9)
             : d.chance(0.5) ? near(d, {16, 32, 64, 128}, 2)
                             : d.between(0, 100);
  }
}

/// Labels and lengths that fit, or, in one case of seven, some that do not; whether the call must fail is
/// known then.
bool draw_sequence(fuzz_case& c, dice& d, bool masked) {
  // The mask stands behind the logits.
  const int at = 1 + masked;
  operand &labels = c.operands[size_t(at)], &frames = c.operands[size_t(at + 1)],
          &letters = c.operands[size_t(at + 2)], &blank = c.operands[size_t(at + 3)];
  const ptrdiff_t classes = c.lengths[2], most = c.lengths[3];
  const double wrong = d.chance(0.85) ? 0 : 0.2;
  fill_integers(frames, d, 0, c.lengths[1] + 1, wrong);
  fill_integers(letters, d, 0, most + 1, wrong);
  if (d.chance(0.6))  // whole lengths are usual
    for (operand* x : {&frames, &letters})
      for (ptrdiff_t i = 0; i < x->count(); ++i) {
        const long long whole = x == &frames ? c.lengths[1] : most;
        std::memcpy(x->data.data() + i * 8, &whole, 8);
      }
  const long long b = (long long)(d.below(classes));
  fill_integers(blank, d, b, b + 1, wrong / 2);
  for (ptrdiff_t i = 0; i < blank.count(); ++i) {
    long long v;
    std::memcpy(&v, blank.data.data() + i * 8, 8);
    if (v == b && d.chance(0.3)) v -= classes;  // the same class, counted from the end
    std::memcpy(blank.data.data() + i * 8, &v, 8);
  }
  // Few classes make neighbours that are equal, which need a blank between them.
  const bool repeats = d.chance(0.4);
  fill_integers(labels, d, 0, repeats ? std::min<ptrdiff_t>(classes, 3) : classes, wrong / 4);
  // No label may be the blank.
  if (wrong == 0 && classes > 1)
    for (ptrdiff_t i = 0; i < labels.count(); ++i) {
      long long v;
      std::memcpy(&v, labels.data.data() + i * 8, 8);
      if (v == b) v = (v + 1) % classes;
      std::memcpy(labels.data.data() + i * 8, &v, 8);
    }
  // Only what a length says is looked at: behind it any label is right.
  for (ptrdiff_t s = 0; s < c.lengths[0]; ++s) {
    const ptrdiff_t at_s[most_dims] = {s, 0, 0};
    const long long t = get_integer(frames, at_s), n = get_integer(letters, at_s),
                    of = get_integer(blank, at_s);
    bool bad = t < 0 || t > c.lengths[1] || n < 0 || n > most || of < -classes || of >= classes;
    for (ptrdiff_t i = 0; !bad && i < n; ++i) {
      const ptrdiff_t at_i[most_dims] = {s, i, 0};
      const long long l = get_integer(labels, at_i);
      bad = l < 0 || l >= classes || l == (of < 0 ? of + classes : of);
    }
    c.fails |= bad;
  }
  return true;
}

std::string only_text;
/// False: nothing was drawn, the case is empty.
bool draw(fuzz_case& c, dice& d, int isa) {
  // More of what has more ways to go.
  const double u = d.unit();
  c.kind = u < 0.28   ? elements
           : u < 0.62 ? rows_of_numbers
           : u < 0.8  ? sequences
           : u < 0.86 ? sums
           : u < 0.92 ? regions
                      : batches_of_vectors;
  c.record = int(d.below(ptrdiff_t(places_of(c.kind).size())));
  c.type = loop_type(d.below(loop_types));
  const loss_record& r = record_of(isa, c);
  // No loop of that type: nothing to call.
  if (!r.loops[is_line(c) ? 0 : c.type]) return false;
  const loss_record* shown = &r;
  if (is_line(c)) {
    c.loss = int(d.below(ptrdiff_t(places_of(elements).size())));
    shown = &record_at(isa, elements, c.loss);
    if (!shown->loops[c.type] ||
        // Reductions take values, with or without a gradient.
        (std::strcmp(shown->attribute, "") && std::strcmp(shown->attribute, "value_and_grad")))
      return false;
  }
  // Set before anything runs, so that a crash can be named.
  current_text = std::string(shown->info->name) + (*shown->attribute ? "." : "") + shown->attribute +
                 (is_line(c) ? " along a line" : "") + (shown->masked ? " masked" : "") + " " +
                 (const char* const[]){"float16", "float32", "float64", "float16 to float32"}[c.type];
  if (!only_text.empty() && current_text.find(only_text) == std::string::npos) return false;

  // operands and their axes
  const std::string roles = is_line(c) ? "" : r.roles;
  std::string letters;
  if (is_line(c)) {
    c.has_weights = d.chance(0.5);
    c.has_grad = *shown->attribute;
    const auto add = [&](char role, bool output, const argument* described) {
      operand x;
      x.role = role;
      x.output = output;
      x.described = described;
      c.operands.push_back(x);
    };
    for (int k = 0; k < shown->nin; ++k) add('F', false, &shown->info->args[k]);
    if (c.has_weights) add('D', false, nullptr);
    c.nin = int(c.operands.size());
    add('D', true, nullptr);
    add('D', true, nullptr);
    if (c.has_grad) add('F', true, nullptr);
  } else {
    const char* s = r.signature;
    for (int k = 0; k < r.nin + r.nout; ++k) {
      operand x;
      x.role = roles[size_t(k)];
      x.output = k >= r.nin;
      if (s) {
        while (*s != '(') ++s;
        read_axes(s, letters, x);
      }
      const bool mask_before = c.kind == sequences && r.masked;
      if (!x.output && x.role != 'B') x.described = &r.info->args[mask_before && k > 0 ? k - 1 : k];
      c.operands.push_back(x);
    }
    c.nin = r.nin;
  }
  // lengths
  c.lengths.assign(1, 0);
  for (const char letter : letters)
    c.lengths.push_back(letter == 'p' || letter == 's' ? 0 : draw_length(d, c.kind, letter));
  if (c.kind == sequences) {
    ptrdiff_t &frames = c.lengths[1], &labels = c.lengths[3];
    // Mostly as many frames as labels and their repeats need, else there is no path.
    if (d.chance(0.8)) labels = std::min(labels, frames * 2 / 3);
    if (d.chance(0.004)) {
      frames = d.between(500, 700);
      labels = d.between(200, 300);
    }  // beyond what is held at once
    for (size_t k = 0; k < letters.size(); ++k) {
      if (letters[k] == 'p') c.lengths[k + 1] = labels + 1;
      if (letters[k] == 's') c.lengths[k + 1] = 2 * labels + 1;
    }
  }
  // A batch of long things is short: 30000 elements at most, so that many cases fit into a second.
  ptrdiff_t inner = 1;
  for (size_t k = 1; k < c.lengths.size(); ++k)
    inner *= std::max<ptrdiff_t>(1, std::min<ptrdiff_t>(c.lengths[k], 5000));
  if (letters.empty())
    // Elements: around the widths of packs and of the loop's blocks.
    c.lengths[0] = d.chance(0.4)   ? d.between(1, 40)
                   : d.chance(0.5) ? near(d, {8, 16, 32, 64, 128, 256, 512}, 2)
                                   : d.between(1, d.chance(0.1) ? 5000 : 600);
  else if (c.kind == rows_of_numbers || c.kind == sums || c.kind == regions)
    c.lengths[0] = d.chance(0.5)   ? d.between(1, 5)
                   : d.chance(0.5) ? near(d, {16, 32, 64, 128}, 2)
                                   : d.between(1, 70);
  else c.lengths[0] = d.between(1, 5);
  if (!letters.empty())
    c.lengths[0] = std::max<ptrdiff_t>(1, std::min<ptrdiff_t>(c.lengths[0], 30000 / inner));
  if (c.lengths[0] == 0) c.lengths[0] = 1;
  if (c.kind == sequences && c.lengths[2] == 0) c.lengths[2] = 1;

  const bool plain = d.chance(0.3);
  for (operand& x : c.operands) {
    set_size(x, c.type);
    for (int a = 0; a < x.rank; ++a) {
      x.dims[a] = x.own[a] = c.lengths[size_t(x.letter[a])];
      // Steps of 0 along some axes, of parameters more often.
      if (!x.output && x.dims[a] > 1 && d.chance(x.role == 'P' || x.role == 'N' ? 0.5 : plain ? 0.02 : 0.1))
        x.own[a] = 1;
    }
    if (is_line(c) && x.output && x.role == 'D') x.dims[0] = x.own[0] = 1;
    if (!x.output) {
      // Each operand by its role; what has a domain is drawn from it.
      if (x.role == 'B') fill_mask(x, d);
      else if (x.role == 'I' && c.kind == batches_of_vectors) {
        // Labels of pairs are names, of which none is wrong.
        const ptrdiff_t classes = d.one_of<ptrdiff_t>({1, 3, 50});
        fill_integers(x, d, 0, classes, d.chance(0.3) ? 0.2 : 0);
      } else if (x.role == 'I' && c.kind == rows_of_numbers)
        fill_integers(x, d, 0, c.lengths[1], d.chance(0.85) ? 0 : 0.1);
      else if (x.role == 'I' || x.role == 'N') x.data.assign(size_t(x.count() * 8), 0);  // by draw_sequence()
      else fill_numbers(x, d);
    }
    x.lay(d, plain);
  }
  if (is_line(c)) {
    c.divides = d.chance(0.5);
  }
  if (c.kind == sequences) draw_sequence(c, d, r.masked);
  if (!std::strcmp(r.info->name, "softmax_with_complement")) c.may_fail = c.lengths[1] == 0;
  // A row without classes may be a fault or not, by its loss; a label outside is one, unless its whole row is
  // masked out.
  if (c.kind == rows_of_numbers) {
    c.may_fail = c.lengths[1] == 0;
    for (int k = 0; k < c.nin && !c.may_fail; ++k) {
      if (c.operands[size_t(k)].role != 'I') continue;
      for (ptrdiff_t i = 0; i < c.lengths[0]; ++i) {
        const ptrdiff_t at[most_dims] = {i, 0, 0};
        const long long label = get_integer(c.operands[size_t(k)], at);
        bool takes_part = !r.masked;
        for (ptrdiff_t j = 0; r.masked && j < c.lengths[1]; ++j) {
          const ptrdiff_t of[most_dims] = {i, j, 0};
          takes_part |=
              c.operands[size_t(c.nin - 1)].data[size_t(c.operands[size_t(c.nin - 1)].index(of))] != 0;
        }
        c.fails |= takes_part && (label < 0 || label >= c.lengths[1]);
      }
    }
  }
  return true;
}

}  // namespace
