// A native user of the library that chooses an instruction set at run time.
#include <cstdio>
#include <cstring>
#include <dispatch.hpp>

int main() {
  if (ufloss::dispatch::best() < 0) return 1;  // built for other processors
  const ufloss::kernel_table& table = ufloss::dispatch::table(ufloss::dispatch::best());
  for (int k = 0; k < table.size; ++k) {
    const ufloss::loss_record& r = table.records[k];
    if (std::strcmp(r.info->name, "squared_error") || *r.attribute) continue;
    double x = 3, y = 1, value = 0;
    char* args[] = {reinterpret_cast<char*>(&x), reinterpret_cast<char*>(&y),
                    reinterpret_cast<char*>(&value)};
    const std::ptrdiff_t n = 1, steps[] = {8, 8, 8};
    r.loops[ufloss::float64_loop](nullptr, args, &n, steps, nullptr);
    std::printf("%s: squared_error(3, 1) = %g\n", table.isa, value);
    return value == 4 ? 0 : 1;
  }
  return 1;
}
