// The two errors that jaxc throws: the caller's fault, and ours.
#pragma once

#include <stdexcept>
#include <string>

namespace jaxc {

/// The caller's fault: a malformed program, wrong inputs, an unsupported request.
/// The message says what is wrong, what was got, and what to change.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// jaxc's own fault: an invariant between its parts does not hold.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace jaxc
