// A native user of the library that chooses an instruction set at run time.
#include <cstdio>
#include <cstring>
#include <dispatch.hpp>

using namespace ufloss;

// Records say what they are: nothing but the tables is needed to find a loss.
const loss_record* find(int isa, const char* loss) {
  for (int unit = 0; unit < dispatch::units(); ++unit) {
    const kernel_table& table = dispatch::table(isa, unit);
    for (int k = 0; k < table.size; ++k) {
      const loss_record& r = table.records[k];
      if (!std::strcmp(r.info->name, loss) && !*r.attribute) return &r;
    }
  }
  return nullptr;
}

int main() {
  const int isa = dispatch::best();
  if (isa < 0) return 1;  // built for other processors
  const loss_record* const squared_error = find(isa, "squared_error");
  if (!squared_error) return 1;
  double x = 3, y = 1, value = 0;
  char* args[] = {reinterpret_cast<char*>(&x), reinterpret_cast<char*>(&y), reinterpret_cast<char*>(&value)};
  const std::ptrdiff_t n = 1, steps[] = {8, 8, 8};
  // A context as it comes: one thread, no lock, nobody told of faults.
  const int result = squared_error->loops[float64_loop](context{}, args, &n, steps);
  std::printf("%s: squared_error(3, 1) = %g\n", dispatch::name(isa), value);
  return result == 0 && value == 4 ? 0 : 1;
}
