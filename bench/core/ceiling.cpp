// The graph of bench/core/graphs.ts, run by oneTBB's flow graph: tasks that do nothing, with up to three dependencies each.
// Arguments: tasks, threads, rounds. Prints nanoseconds a task, a line for each round.
#include <tbb/flow_graph.h>
#include <tbb/global_control.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

using tbb::flow::continue_msg;
using Node = tbb::flow::continue_node<continue_msg>;

static uint32_t state = 1;

static int below(int limit) {
  state = (state * 1103515245u + 12345u) & 0x7fffffffu;
  return static_cast<int>(static_cast<double>(state) / 0x80000000 * limit);
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int tasks = std::atoi(argv[1]);
  const int reach = 10000;
  tbb::global_control limit(tbb::global_control::max_allowed_parallelism, std::atoi(argv[2]));
  tbb::flow::graph graph;
  std::atomic<int> done{0};
  std::vector<std::unique_ptr<Node>> nodes;
  nodes.reserve(tasks);
  for (int index = 0; index < tasks; index++) {
    nodes.push_back(std::make_unique<Node>(graph, [&done](const continue_msg& message) {
      done.fetch_add(1, std::memory_order_relaxed);
      return message;
    }));
    for (int edge = 0; edge < (index < 3 ? index : 3); edge++) {
      tbb::flow::make_edge(*nodes[index - 1 - below(index < reach ? index : reach)], *nodes[index]);
    }
  }
  for (int round = 0; round < std::atoi(argv[3]); round++) {
    done = 0;
    const auto start = std::chrono::steady_clock::now();
    nodes[0]->try_put(continue_msg());
    graph.wait_for_all();
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - start;
    if (done != tasks) return 3;
    std::printf("%.1f\n", time.count() / tasks);
  }
}
