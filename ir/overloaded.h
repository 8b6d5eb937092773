// Overloaded: one visitor from several lambdas, for std::visit.
#pragma once

namespace jaxc::ir {

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};

}  // namespace jaxc::ir
