// Implements making, checking and saving of test programs.
#include "program.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "compiler/evaluate/evaluate.h"
#include "ir/printer.h"
#include "jaxc/error.h"
#include "makers.h"

namespace jaxc::random_programs {

TestProgram generate(std::uint64_t seed, std::size_t most_equations) {
  Writing writing{Random(seed), 0, most_equations, {}};
  writing.most_equations =
      static_cast<std::size_t>(writing.random.between(1, static_cast<std::int64_t>(most_equations)));
  Scope scope(writing);
  for (std::size_t attempt = 0; attempt < 4 * most_equations && !scope.full(); ++attempt) write_equation(scope);
  Values outputs;
  for (const Value& value : scope.values())
    if (value.dtype() != DType::key) outputs.push_back(value);
  // The last values depend on most of the program.
  const std::size_t most = static_cast<std::size_t>(writing.random.between(1, 5));
  Values chosen;
  for (std::size_t k = 0; k < most && !outputs.empty(); ++k) {
    const std::size_t place = std::max({writing.random.below(outputs.size()), writing.random.below(outputs.size()),
                                        writing.random.below(outputs.size())});
    chosen.push_back(outputs[place]);
  }
  return without_unused({scope.finish(chosen), scope.inputs(), writing.counts});
}

Outcome check(const TestProgram& test, const std::vector<Backend>& backends) {
  Outcome outcome;
  std::string where = "evaluator";
  try {
    const Expectation expectation(test.jaxpr, test.inputs);
    where = "text";
    const Program program = Program::parse(ir::print(test.jaxpr), "random");
    for (Backend backend : backends) {
      where = std::string(name(backend));
      outcome.comparison += expectation.compare(compile(program, {.backend = backend}).run(test.inputs));
      if (outcome.comparison.problem.empty()) continue;
      outcome.kind = Outcome::Kind::failed;
      outcome.message = fmt::format("{}: {}", where, outcome.comparison.problem);
      return outcome;
    }
  } catch (const Error& error) {
    outcome.kind = Outcome::Kind::refused;
    outcome.message = fmt::format("{}: {}", where, error.what());
  } catch (const std::exception& error) {
    outcome.kind = Outcome::Kind::failed;
    outcome.message = fmt::format("{}: exception: {}", where, error.what());
  }
  return outcome;
}

Outcome check_apart(const TestProgram& program, const std::vector<Backend>& backends, unsigned seconds) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw InternalError("random programs: no pipe");
  const pid_t child = fork();
  if (child == 0) {
    alarm(seconds);
    const Outcome outcome = check(program, backends);
    const std::string text = fmt::format("{} {} {}\n{}", static_cast<int>(outcome.kind), outcome.comparison.compared,
                                         outcome.comparison.unstable, outcome.message.substr(0, 3000));
    const ssize_t written = write(ends[1], text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = read(ends[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  Outcome outcome;
  if (WIFSIGNALED(status) || text.empty()) {
    outcome.kind = Outcome::Kind::failed;
    outcome.message =
        WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "hang" : fmt::format("crash, status {}", status);
    return outcome;
  }
  const std::size_t line = text.find('\n');
  int kind = 0;
  std::sscanf(text.c_str(), "%d %zu %zu", &kind, &outcome.comparison.compared, &outcome.comparison.unstable);
  outcome.kind = static_cast<Outcome::Kind>(kind);
  outcome.message = text.substr(line + 1);
  return outcome;
}

Outcome check_results(const TestProgram& program, const std::string& path) {
  Outcome outcome;
  try {
    const Safetensors data = Safetensors::load(path);
    if (const auto error = data.metadata.find("error"); error != data.metadata.end())
      return {Outcome::Kind::refused, error->second, {}};
    std::vector<Array> results;
    const std::vector<Type> types = program.jaxpr.output_types();
    for (std::size_t k = 0; k < types.size(); ++k) results.push_back(data.array(fmt::format("out{}", k), types[k]));
    outcome.comparison = Expectation(program.jaxpr, program.inputs).compare(results);
    outcome.message = outcome.comparison.problem;
    if (!outcome.message.empty()) outcome.kind = Outcome::Kind::failed;
  } catch (const std::exception& error) {
    outcome.kind = Outcome::Kind::refused;
    outcome.message = error.what();
  }
  return outcome;
}

void save(const TestProgram& program, const std::string& path) {
  std::ofstream(path + ".jaxpr") << ir::print(program.jaxpr) << "\n";
  Safetensors data;
  for (std::size_t k = 0; k < program.inputs.size(); ++k)
    data.arrays.insert_or_assign(fmt::format("in{}", k), program.inputs[k]);
  const std::vector<Array> results = compiler::evaluate(program.jaxpr, {}, program.inputs);
  for (std::size_t k = 0; k < results.size(); ++k) data.arrays.insert_or_assign(fmt::format("out{}", k), results[k]);
  data.save(path + ".safetensors");
}

}  // namespace jaxc::random_programs
