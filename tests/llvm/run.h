// Runs planned Programs on the CPU backend, and compares arrays.
#pragma once

#include <cmath>
#include <complex>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "backends/llvm/llvm.h"
#include "compiler/evaluate/values.h"
#include "jaxc/array.h"
#include "tests/llvm/guarded.h"

namespace jaxc::cpu::testing {

/// The type of an array of a Program.
inline Type interface_type(const ir::Program& program, const ir::Interface& interface) {
  return Type{program.arrays[interface.array].dtype, program.arrays[interface.array].shape};
}

/// Inputs and outputs lie before pages that trap, and outputs hold a pattern first: an access past an array and an
/// element that is not stored both show.
inline std::vector<Array> run(const CpuExecutable& executable, const std::vector<Type>& types,
                              std::span<const Array> inputs) {
  std::vector<std::unique_ptr<GuardedMemory>> memory;
  std::vector<const void*> input_pointers;
  for (const Array& input : inputs) {
    memory.push_back(std::make_unique<GuardedMemory>(input.bytes().size()));
    if (!input.bytes().empty()) std::memcpy(memory.back()->data(), input.bytes().data(), input.bytes().size());
    input_pointers.push_back(memory.back()->data());
  }
  std::vector<void*> output_pointers;
  for (const Type& type : types) {
    const auto bytes = static_cast<std::size_t>(byte_count(type));
    memory.push_back(std::make_unique<GuardedMemory>(bytes));
    std::memset(memory.back()->data(), 0x7F, bytes);  // large numbers of every type
    output_pointers.push_back(memory.back()->data());
  }
  executable.run(input_pointers, output_pointers);
  std::vector<Array> outputs;
  for (std::size_t k = 0; k < types.size(); ++k)
    outputs.emplace_back(types[k], std::span(static_cast<const std::byte*>(output_pointers[k]),
                                             static_cast<std::size_t>(byte_count(types[k]))));
  return outputs;
}

inline std::vector<Array> run(const ir::Program& program, const ir::Plan& plan, std::span<const Array> inputs,
                              const CpuOptions& options = {}) {
  std::vector<Type> types;
  for (const ir::Interface& output : program.outputs) types.push_back(output.type);
  return run(CpuExecutable(program, plan, options), types, inputs);
}

inline bool is_nan(const Array& array, std::size_t element) {
  return std::isnan(compiler::load<std::complex<double>>(array)[element].real());
}

/// Empty when |got - want| <= rtol (|want| + max |want|), exactly for integers; else the first difference.
inline std::string disagreement(const Array& got, const Array& want, double rtol) {
  if (got.type() != want.type()) return "type " + to_string(got.type()) + " instead of " + to_string(want.type());
  const DType dtype = want.type().dtype;
  if (!is_floating(dtype) && !is_complex(dtype)) {
    const auto left = compiler::load<std::int64_t>(got);
    const auto right = compiler::load<std::int64_t>(want);
    for (std::size_t k = 0; k < left.size(); ++k)
      if (left[k] != right[k]) return fmt::format("element {}: {} instead of {}", k, left[k], right[k]);
    return "";
  }
  const auto left = compiler::load<std::complex<double>>(got);
  const auto right = compiler::load<std::complex<double>>(want);
  double scale = 0;
  for (const auto& value : right)
    if (std::isfinite(std::abs(value))) scale = std::max(scale, std::abs(value));
  const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  for (std::size_t k = 0; k < left.size(); ++k) {
    if (same(left[k].real(), right[k].real()) && same(left[k].imag(), right[k].imag())) continue;
    if (std::abs(left[k] - right[k]) <= rtol * (std::abs(right[k]) + scale)) continue;
    return fmt::format("element {}: {}{:+}i instead of {}{:+}i", k, left[k].real(), left[k].imag(), right[k].real(),
                       right[k].imag());
  }
  return "";
}

}  // namespace jaxc::cpu::testing
