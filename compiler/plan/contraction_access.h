// Reads a nest's accesses as strides of its axes, within bounds, and every so many elements.
#pragma once

#include <optional>
#include <vector>

#include "ir/affine.h"
#include "ir/program.h"

namespace jaxc::compiler {

/// The values of an affine form within which an element is read; both included.
struct AccessRange {
  ir::Affine form;  ///< with offset 0
  std::int64_t low = 0;
  std::int64_t high = 0;
};

/// An index that is form / base, where base divides the form; elsewhere nothing is read.
struct AccessDilation {
  std::size_t index = 0;  ///< which one
  ir::Affine form;
  std::int64_t base = 1;
};

/// The strides of one access, by the nest's axes.
struct Access {
  ir::ArrayId array = 0;
  std::int64_t offset = 0;
  std::vector<std::int64_t> strides;
  std::vector<ir::Affine> indices;  ///< zeros where they are dilated
  std::vector<AccessRange> ranges;
  std::vector<AccessDilation> dilations;
};

/// An access whose indices are affine, or perhaps dilated.
std::optional<Access> affine_access(const ir::Program& program, const ir::Nest& nest, ir::ArrayId array,
                                    const std::vector<ir::Index>& indices);

/// The access of a read of the nest's body that gives 0 where its guard holds it back; nothing for other operations.
std::optional<Access> affine_read(const ir::Program& program, const ir::Nest& nest, ir::OpId id);

}  // namespace jaxc::compiler
