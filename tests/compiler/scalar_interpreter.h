// Runs functions of the scalar library over many lanes at once: the tests' own reading of ir/scalar.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ir/program.h"

namespace jaxc::test {

/// The elements of one value, a lane each, stored at the width of the type.
struct Lanes {
  DType dtype = DType::f32;
  std::vector<std::byte> bytes;

  Lanes() = default;
  Lanes(DType dtype, std::size_t count) : dtype(dtype), bytes(count * element_bytes(dtype)) {}
  template <typename T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
  template <typename T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

/// Evaluates library functions. `fused` says whether mul_add rounds once.
class ScalarInterpreter {
 public:
  ScalarInterpreter(std::string_view function, bool fused);

  const std::vector<DType>& arguments() const { return program_.functions[function_].region.arguments; }
  Lanes run(const std::vector<const Lanes*>& arguments, std::size_t count) const;

 private:
  std::vector<Lanes> run_region(const ir::Region& region, const std::vector<const Lanes*>& arguments,
                                std::size_t count) const;

  ir::Program program_;
  std::uint64_t function_ = 0;
  bool fused_ = true;
};

}  // namespace jaxc::test
