// Lists the families of library functions.
#include "compiler/scalar/functions.h"

namespace jaxc::compiler {

std::vector<FunctionFamily> function_families() {
  return {exponential_functions,
          logarithm_functions,
          power_functions,
          trigonometric_functions,
          inverse_trigonometric_functions,
          error_functions,
          gamma_functions,
          incomplete_gamma_functions,
          zeta_functions,
          bessel_functions,
          conversion_functions,
          random_functions};
}

void add_float_rows(std::vector<FunctionRow>& rows, const std::string& stem, Scalar (*write)(Scalar)) {
  for (DType dtype : {DType::f32, DType::f64})
    rows.push_back({stem + "_" + std::string(name(dtype)), {dtype}, [write](ScalarCode&, std::span<const Scalar> a) {
                      return write(a[0]);
                    }});
}

void add_float_rows(std::vector<FunctionRow>& rows, const std::string& stem, Scalar (*write)(Scalar, Scalar)) {
  for (DType dtype : {DType::f32, DType::f64})
    rows.push_back({stem + "_" + std::string(name(dtype)),
                    {dtype, dtype},
                    [write](ScalarCode&, std::span<const Scalar> a) { return write(a[0], a[1]); }});
}

void add_float_rows(std::vector<FunctionRow>& rows, const std::string& stem, Scalar (*write)(Scalar, Scalar, Scalar)) {
  for (DType dtype : {DType::f32, DType::f64})
    rows.push_back({stem + "_" + std::string(name(dtype)),
                    {dtype, dtype, dtype},
                    [write](ScalarCode&, std::span<const Scalar> a) { return write(a[0], a[1], a[2]); }});
}

}  // namespace jaxc::compiler
