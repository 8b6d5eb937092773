// Compares elements as numbers: equal, both NaN, or near by their own size and the median one.
#include "bench/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "jaxc/error.h"

namespace jaxc::bench {

namespace {

double median_size(std::span<const float> values) {
  std::vector<float> sizes;
  for (const float value : values)
    if (std::isfinite(value)) sizes.push_back(std::fabs(value));
  if (sizes.empty()) return 0;
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  return *middle;
}

double share_of_floats(std::span<const float> got, std::span<const float> wanted) {
  constexpr double tolerance = 1e-3;
  constexpr double negligible = 1e-30;  // products near the smallest numbers lose their digits
  const double scale = median_size(wanted);
  std::size_t differing = 0;
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const double difference = std::fabs(static_cast<double>(got[k]) - wanted[k]);
    const bool same =
        got[k] == wanted[k] || (std::isnan(got[k]) && std::isnan(wanted[k])) ||
        (std::isfinite(wanted[k]) && difference <= tolerance * (std::fabs(wanted[k]) + scale) + negligible);
    differing += same ? 0 : 1;
  }
  return static_cast<double>(differing) / static_cast<double>(std::max<std::size_t>(wanted.size(), 1));
}

double share_of_integers(std::span<const std::int32_t> got, std::span<const std::int32_t> wanted) {
  std::size_t differing = 0;
  for (std::size_t k = 0; k < wanted.size(); ++k) differing += got[k] == wanted[k] ? 0 : 1;
  return static_cast<double>(differing) / static_cast<double>(std::max<std::size_t>(wanted.size(), 1));
}

}  // namespace

double share_differing(const Array& got, const Array& wanted) {
  if (got.type() != wanted.type())
    throw Error(fmt::format("agreement: results must be of the recorded type, got {} and {}; export the workload again",
                            to_string(got.type()), to_string(wanted.type())));
  if (got.type().dtype == DType::f32) return share_of_floats(got.values<float>(), wanted.values<float>());
  if (got.type().dtype == DType::i32)
    return share_of_integers(got.values<std::int32_t>(), wanted.values<std::int32_t>());
  throw Error(fmt::format("agreement: results must be f32 or i32, got {}; convert them in the workload",
                          to_string(got.type())));
}

}  // namespace jaxc::bench
