// What the CPU says: its loops, by the name of a loss and of an attribute.
#pragma once
#include <stdexcept>
#include <string>
#include "dispatch.hpp"

inline int tested_isa = -1;
/// False: this processor has no fused multiply-add, so its bits are others.
inline bool choose_isa() {
  tested_isa = ufloss::dispatch::best();
  const std::string name = tested_isa < 0 ? "" : ufloss::dispatch::name(tested_isa);
  return tested_isa >= 0 && name.find("_v2") == std::string::npos && name.find("scalar") == std::string::npos;
}
/// Of a loss that has a form with a mask and one without: `masked`.
inline const ufloss::loss_record& record_of(const char* loss, const char* attribute, bool masked = false) {
  for (int unit = 0; unit < ufloss::dispatch::units(); ++unit) {
    const ufloss::kernel_table& table = ufloss::dispatch::table(tested_isa, unit);
    for (int k = 0; k < table.size; ++k) {
      const ufloss::loss_record& r = table.records[k];
      if (std::string(r.info->name) == loss && std::string(r.attribute) == attribute && r.masked == masked)
        return r;
    }
  }
  throw std::runtime_error(std::string("no loop of ") + loss + "." + attribute);
}
