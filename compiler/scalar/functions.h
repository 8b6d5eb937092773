// The families of library functions: each gives rows of name, argument types and the writer of the code.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "compiler/scalar/expression.h"

namespace jaxc::compiler {

/// One function of the library. `write` gives the result for the arguments, in code that it appends.
struct FunctionRow {
  std::string name;
  std::vector<DType> arguments;
  std::function<Scalar(ScalarCode&, std::span<const Scalar>)> write;
  bool is_conversion = false;  ///< between storage types: a few operations
};

using FunctionFamily = std::vector<FunctionRow> (*)();

std::vector<FunctionRow> exponential_functions();
std::vector<FunctionRow> logarithm_functions();
std::vector<FunctionRow> power_functions();
std::vector<FunctionRow> trigonometric_functions();
std::vector<FunctionRow> inverse_trigonometric_functions();
std::vector<FunctionRow> error_functions();
std::vector<FunctionRow> gamma_functions();
std::vector<FunctionRow> incomplete_gamma_functions();
std::vector<FunctionRow> zeta_functions();
std::vector<FunctionRow> bessel_functions();
std::vector<FunctionRow> conversion_functions();
std::vector<FunctionRow> random_functions();

/// All families.
std::vector<FunctionFamily> function_families();

/// Appends the rows stem_f32 and stem_f64 of a function of one float, or of several.
void add_float_rows(std::vector<FunctionRow>& rows, const std::string& stem, Scalar (*write)(Scalar));
void add_float_rows(std::vector<FunctionRow>& rows, const std::string& stem, Scalar (*write)(Scalar, Scalar));
void add_float_rows(std::vector<FunctionRow>& rows, const std::string& stem, Scalar (*write)(Scalar, Scalar, Scalar));

}  // namespace jaxc::compiler
