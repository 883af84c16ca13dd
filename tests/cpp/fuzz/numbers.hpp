// Numbers, labels and masks of a case.
#pragma once
#include "call.hpp"

namespace {

// --- numbers -----
/// By its bits: a signalling NaN, loaded as a number, might change or raise a flag.
bool is_number_nan(const unsigned char* p, const operand& x) {
  if (x.role == 'I' || x.role == 'N' || x.role == 'B') return false;
  if (x.size == 2) {
    std::uint16_t u;
    std::memcpy(&u, p, 2);
    return (u & 0x7fffu) > 0x7c00u;
  }
  if (x.size == 4) {
    std::uint32_t u;
    std::memcpy(&u, p, 4);
    return (u & 0x7fffffffu) > 0x7f800000u;
  }
  std::uint64_t u;
  std::memcpy(&u, p, 8);
  return (u & 0x7fffffffffffffffu) > 0x7ff0000000000000u;
}
/// v rounded to the operand's type.
void put_number(unsigned char* p, const operand& x, double v) {
  if (x.size == 2) {
    const half h = to_half(float(v));
    std::memcpy(p, &h, 2);
  } else if (x.size == 4) {
    const float f = float(v);
    std::memcpy(p, &f, 4);
  } else std::memcpy(p, &v, 8);
}
/// The element as a double, exactly.
double get_number(const unsigned char* p, const operand& x) {
  if (x.size == 2) {
    half h;
    std::memcpy(&h, p, 2);
    return double(to_float(h));
  }
  if (x.size == 4) {
    float f;
    std::memcpy(&f, p, 4);
    return double(f);
  }
  double v;
  std::memcpy(&v, p, 8);
  return v;
}
/// An integer by its place along the axes.
long long get_integer(const operand& x, const ptrdiff_t* i) {
  long long v;
  std::memcpy(&v, x.data.data() + x.index(i) * 8, 8);
  return v;
}
/// Any bits at all, or those of any NaN.
void put_bits(unsigned char* p, const operand& x, dice& d, bool nan) {
  std::uint64_t u = d.next();
  if (nan) {  // of any sign and payload, quiet or signalling
    if (x.size == 2) u = (u & 0x83ffu) | 0x7c00u | (d.chance(0.5) ? 0x200u : 1u);
    else if (x.size == 4) u = (u & 0x807fffffu) | 0x7f800000u | (d.chance(0.5) ? 0x400000u : 1u);
    else u = (u & 0x800fffffffffffffu) | 0x7ff0000000000000u | (d.chance(0.5) ? 0x8000000000000u : 1u);
    if (d.chance(0.3)) {  // what a GPU writes: all ones
      if (x.size == 2) u = 0x7fff;
      else if (x.size == 4) u = 0x7fffffff;
      else u = 0x7fffffffffffffff;
    }
  }
  std::memcpy(p, &u, size_t(x.size));
}

/// A number that often is none: infinities, NaNs, zeros, subnormal and huge ones.
void put_special(unsigned char* p, const operand& x, dice& d) {
  const double inf = std::numeric_limits<double>::infinity();
  const double least = x.size == 2   ? 0x1p-24
                       : x.size == 4 ? 0x1p-149
                                     : 0x1p-1074,
               normal = x.size == 2   ? 0x1p-14
                        : x.size == 4 ? 0x1p-126
                                      : 0x1p-1022;
  const double most = x.size == 2   ? 65504
                      : x.size == 4 ? double(std::numeric_limits<float>::max())
                                    : std::numeric_limits<double>::max();
  switch (d.below(14)) {
    case 0:
    case 1: put_number(p, x, inf); break;
    case 2:
    case 3: put_number(p, x, -inf); break;
    case 4:
    case 5: put_bits(p, x, d, true); break;
    case 6: put_number(p, x, d.chance(0.5) ? 0.0 : -0.0); break;
    case 7: put_number(p, x, (d.chance(0.5) ? 1 : -1) * least * double(d.between(1, 1000))); break;
    // The border of subnormal numbers, the overflow threshold, and what rounds to 1 or not.
    case 8: put_number(p, x, (d.chance(0.5) ? 1 : -1) * normal); break;
    case 9: put_number(p, x, (d.chance(0.5) ? 1 : -1) * most * (d.chance(0.5) ? 1 : d.unit())); break;
    case 10: put_number(p, x, d.one_of({1.0, -1.0, 0.5, 2.0, 1 - 0x1p-24, 1 + 0x1p-23})); break;
    case 11: put_bits(p, x, d, false); break;
    case 12: put_number(p, x, d.normal() * std::exp2(double(d.between(-60, 60)))); break;
    // Around here exp() overflows, underflows or is a tail, in one of the types.
    default:
      put_number(p, x, d.one_of({88.0, -88.0, -104.0, 709.0, -745.0, 1e4, -1e4, 700.0, 11.0, -17.5}));
      break;
  }
}
/// A number inside the domain; its ends often, since formulas have limits there.
double typical(domain in, dice& d, double scale) {
  switch (in) {
    case domain::unit: return d.chance(0.3) ? double(d.below(2)) : d.unit();
    case domain::optional_unit: return d.chance(0.3) ? -1 : d.unit();
    case domain::label: return double(d.below(5));
    case domain::nonnegative: return d.chance(0.2) ? 0 : std::fabs(d.normal()) * scale;
    case domain::tweedie_target: return d.chance(0.2) ? 0 : std::fabs(d.normal()) * scale;
    case domain::positive: return std::fabs(d.normal()) * scale + 1e-3;
    case domain::sign: return d.chance(0.5) ? 1 : -1;
    case domain::truth: return double(d.below(2));
    case domain::tweedie_power: return d.chance(0.4) ? double(d.between(-1, 4)) : 1 + d.unit();
    default: return d.normal() * scale;
  }
}
/// How an operand's numbers are drawn: each by itself, with specials among them, or in a way that sums, ties
/// and blocks of a row are sensitive to.
enum class mood { typical, few_specials, many_specials, bits, ties, far_blocks, constant, moods };

void fill_numbers(operand& x, dice& d) {
  x.data.assign(size_t(x.count() * x.size), 0);
  const domain in = x.described ? x.described->in : domain::real;
  const double scale = d.one_of({1.0, 1.0, 3.0, 10.0, 60.0, 0.01, 300.0}),
               shift = d.chance(0.8) ? 0 : 100 * d.normal();
  // What has a default value: it is mostly that, or one number for all.
  const bool is_parameter = x.described && !(x.described->fallback != x.described->fallback);
  mood m = d.chance(0.5) ? mood::typical : mood(d.below(int(mood::moods)));
  if (is_parameter && d.chance(0.6)) m = mood::constant;
  const double one = is_parameter && d.chance(0.7) ? x.described->fallback : typical(in, d, scale);
  // Blocks far apart: rows are added up in blocks, each against a reference of its own.
  const ptrdiff_t along = x.rank > 1 ? x.own[x.rank - 1] : 1, block = d.one_of<ptrdiff_t>({1024, 2048, 7});
  double level = 0;
  for (ptrdiff_t i = 0, n = x.count(); i < n; ++i) {
    unsigned char* const p = x.data.data() + i * x.size;
    if (i % along % block == 0) level = 800 * d.normal();
    switch (m) {
      case mood::few_specials:
        if (d.chance(0.03)) put_special(p, x, d);
        else put_number(p, x, typical(in, d, scale) + shift);
        break;
      case mood::many_specials: put_special(p, x, d); break;
      case mood::bits: put_bits(p, x, d, false); break;
      case mood::ties: put_number(p, x, double(d.between(-2, 2))); break;
      case mood::far_blocks: put_number(p, x, typical(in, d, scale) + level); break;
      case mood::constant: put_number(p, x, one); break;
      default: put_number(p, x, typical(in, d, scale) + (in == domain::real ? shift : 0)); break;
    }
  }
}
void fill_integers(operand& x, dice& d, long long low, long long high, double wrong) {  // [low, high)
  x.data.assign(size_t(x.count() * 8), 0);
  for (ptrdiff_t i = 0, n = x.count(); i < n; ++i) {
    long long v = low + (high > low ? (long long)(d.below(ptrdiff_t(high - low))) : 0);
    if (d.chance(wrong))
      // Just outside, far outside, and what a product or a negation would let overflow.
      v = d.one_of<long long>({low - 1, high, high + 1, -high - 1, -100, LLONG_MAX, LLONG_MIN + 1, 1LL << 61,
                               -(1LL << 61), 1LL << 32, v});
    std::memcpy(x.data.data() + i * 8, &v, 8);
  }
}
/// Empty, full and mixed masks, and single rows without any element.
void fill_mask(operand& x, dice& d) {
  x.data.assign(size_t(x.count()), 0);
  const double p = d.one_of({0.0, 1.0, 0.5, 0.9, 0.05});
  const ptrdiff_t along = x.rank > 1 && x.own[x.rank - 1] ? x.own[x.rank - 1] : 1;
  bool none = false;
  for (ptrdiff_t i = 0, n = x.count(); i < n; ++i) {
    if (i % along == 0) none = d.chance(0.15);
    x.data[size_t(i)] = !none && d.chance(p);
  }
}

}  // namespace
