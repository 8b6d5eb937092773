// Runs a compiled function on blocks of arguments, on several threads, and keeps the worst error.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "error.h"
#include "jaxc/jaxc.h"

namespace jaxc::ulp {

template <typename T>
struct Worst {
  double error = -1;
  std::vector<T> arguments;
  T result = 0;
  std::uint64_t count = 0;  ///< arguments measured
};

constexpr std::size_t block = 4096;

/// A primitive of `arity` arrays of `block` elements, compiled.
inline Executable compile_primitive(const std::string& primitive, std::string_view dtype, int arity, Backend backend) {
  const std::string type = fmt::format("{}[{}]", dtype, block);
  return compile(
      Program::parse(arity == 1
                         ? fmt::format("{{ lambda ; a:{0}. let b:{0} = {1} a in (b,) }}", type, primitive)
                         : fmt::format("{{ lambda ; a:{0} b:{0}. let c:{0} = {1} a b in (c,) }}", type, primitive)),
      {.backend = backend});
}

/// Measures `total` points on `thread_count` threads. `point(number, arguments)` gives the arguments of a point, or
/// false where it is not measured; `reference(arguments)` gives the exact result.
template <typename T, typename Wide, typename Point, typename Reference>
Worst<T> measure(const Executable& executable, int arity, std::uint64_t total, unsigned thread_count, Wide floor,
                 const Point& point, const Reference& reference) {
  std::vector<Worst<T>> parts(thread_count);
  std::vector<std::thread> threads;
  const auto work = [&](unsigned part) {
    Worst<T>& worst = parts[part];
    std::vector<std::vector<T>> columns(static_cast<std::size_t>(arity), std::vector<T>(block, T(1)));
    std::vector<T> results(block);
    std::vector<T> arguments(static_cast<std::size_t>(arity));
    std::size_t filled = 0;
    const auto flush = [&] {
      std::vector<const void*> inputs;
      for (const std::vector<T>& column : columns) inputs.push_back(column.data());
      executable.run_into(inputs, std::vector<void*>{results.data()});
      for (std::size_t k = 0; k < filled; ++k) {
        for (std::size_t a = 0; a < arguments.size(); ++a) arguments[a] = columns[a][k];
        const double error = error_in_ulp<T, Wide>(results[k], reference(arguments), floor);
        if (error > worst.error) worst = {error, arguments, results[k], worst.count};
      }
      worst.count += filled;
      filled = 0;
    };
    for (std::uint64_t number = part; number < total; number += thread_count) {
      if (!point(number, arguments)) continue;
      for (std::size_t a = 0; a < arguments.size(); ++a) columns[a][filled] = arguments[a];
      if (++filled == block) flush();
    }
    flush();
  };
  for (unsigned part = 0; part < thread_count; ++part) threads.emplace_back(work, part);
  for (std::thread& thread : threads) thread.join();
  Worst<T> worst;
  std::uint64_t count = 0;
  for (const Worst<T>& part : parts) {
    count += part.count;
    if (part.error > worst.error) worst = part;
  }
  worst.count = count;
  return worst;
}

}  // namespace jaxc::ulp
