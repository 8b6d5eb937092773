// Applying a scalar function to every element, with broadcasting.
#pragma once

#include "compiler/evaluate/application.h"
#include "compiler/evaluate/values.h"

namespace jaxc::compiler {

/// The single result of `function` over the elements of one, two or three operands, all computed in T.
template <typename T, typename Function>
std::vector<Array> map_elements(const Application& application, Function&& function) {
  const Type& type = application.types[0];
  const auto& operands = application.operands;
  const auto first = load<T>(operands[0], type.shape);
  using Result = decltype([&] {
    if constexpr (std::is_invocable_v<Function, T>) {
      return function(T());
    } else if constexpr (std::is_invocable_v<Function, T, T>) {
      return function(T(), T());
    } else {
      return function(T(), T(), T());
    }
  }());
  using Stored = std::conditional_t<std::is_same_v<Result, bool>, std::uint64_t, Result>;
  std::vector<Stored> results(first.size());
  if constexpr (std::is_invocable_v<Function, T>) {
    for (std::size_t i = 0; i < first.size(); ++i) results[i] = function(first[i]);
  } else if constexpr (std::is_invocable_v<Function, T, T>) {
    const auto second = load<T>(operands[1], type.shape);
    for (std::size_t i = 0; i < first.size(); ++i) results[i] = function(first[i], second[i]);
  } else {
    const auto second = load<T>(operands[1], type.shape);
    const auto third = load<T>(operands[2], type.shape);
    for (std::size_t i = 0; i < first.size(); ++i) results[i] = function(first[i], second[i], third[i]);
  }
  return {store(type, results)};
}

/// The dtype that decides how an elementwise primitive computes.
inline DType computing_dtype(const Application& application) {
  return application.operands[0].type().dtype;
}

/// map_elements over any number; floating values in double, f64 included.
template <typename Function>
std::vector<Array> map_numbers(const Application& application, Function function) {
  return visit(computing_dtype(application), [&]<typename T>(T) { return map_elements<T>(application, function); });
}
/// map_elements over floating and complex values; f64 in long double.
template <typename Function>
std::vector<Array> map_inexact(const Application& application, Function function) {
  return visit_inexact(computing_dtype(application),
                       [&]<typename T>(T) { return map_elements<T>(application, function); });
}
/// map_elements over floating values; f64 in long double.
template <typename Function>
std::vector<Array> map_floating(const Application& application, Function function) {
  return visit_floating(computing_dtype(application),
                        [&]<typename T>(T) { return map_elements<T>(application, function); });
}
/// map_elements over booleans and integers.
template <typename Function>
std::vector<Array> map_bits(const Application& application, Function function) {
  return visit_bits(computing_dtype(application),
                    [&]<typename T>(T) { return map_elements<T>(application, function); });
}
/// map_elements over everything but complex values.
template <typename Function>
std::vector<Array> map_real(const Application& application, Function function) {
  return visit_real(computing_dtype(application),
                    [&]<typename T>(T) { return map_elements<T>(application, function); });
}

}  // namespace jaxc::compiler
