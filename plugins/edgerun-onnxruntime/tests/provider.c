/* A plugin execution provider of ONNX Runtime for the tests: it takes Relu and Add of float32 tensors of one shape, each
 * as a subgraph of its own, and leaves every other node.
 *
 * Written without ONNX Runtime's headers. Its tables of functions only ever grow, so a function is found by its number;
 * the numbers are those of ort_api_1_to_25 in onnxruntime_c_api.cc, and the structs those of onnxruntime_ep_c_api.h.
 * Only fields up to the last one that is used are declared, and room is left behind them.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
  VERSION = 23,
  TENSOR_DATA = 51, ELEMENTS = 64, TYPE_AND_SHAPE = 65, DIMENSIONS_COUNT = 61, DIMENSIONS = 62, RELEASE_SHAPE = 99,
  INPUT_COUNT = 88, INPUT = 90, OUTPUT = 91,
  DEVICE_TYPE = 307, EP_API = 317, NODE_COUNT = 344, NODES = 345, OPERATOR = 350,
  CREATE_DEVICE = 0, FUSE = 2, /* of the table that EP_API gives */
};

typedef void *Status; /* null for well */
typedef void (*Function)(void);
static const Function *api, *ep_api;

#define STATUS(number, ...) ((Status (*)(__VA_ARGS__))api[number])

typedef struct { const void *(*get)(uint32_t); const char *(*version)(void); } Base;
typedef struct Work Work;
struct Work {
  uint32_t version;
  Status (*begin)(Work *, void *, void **);
  Status (*compute)(Work *, void *, void *);
  void (*end)(Work *, void *);
  void *room[8];
  int add;
};
typedef struct Ep Ep;
struct Ep {
  uint32_t version;
  const char *(*name)(const Ep *);
  Status (*capability)(Ep *, const void *, void *);
  Status (*compile)(Ep *, const void **, const void **, size_t, Work **, void **);
  void (*release)(Ep *, Work **, size_t);
  void *room[32];
};
typedef struct Factory Factory;
struct Factory {
  uint32_t version;
  const char *(*name)(const Factory *);
  const char *(*vendor)(const Factory *);
  Status (*devices)(Factory *, const void *const *, size_t, void **, size_t, size_t *);
  Status (*create)(Factory *, const void *const *, const void *const *, size_t, const void *, const void *, Ep **);
  void (*release)(Factory *, Ep *);
  uint32_t (*vendor_id)(const Factory *);
  const char *(*own_version)(const Factory *);
  void *validate;
  Status (*allocator)(Factory *, const void *, const void *, void **);
  void (*release_allocator)(Factory *, void *);
  Status (*transfer)(Factory *, void **);
  _Bool (*streams)(const Factory *);
  void *room[32];
};

static Status begin(Work *work, void *context, void **state) { (void)work; (void)context; *state = 0; return 0; }
static void end(Work *work, void *state) { (void)work; (void)state; }

static Status compute(Work *work, void *state, void *context) {
  size_t inputs, rank, count;
  const void *first, *second;
  float *a, *b, *result;
  void *shape, *output;
  int64_t sizes[16];
  (void)state;
  STATUS(INPUT_COUNT, const void *, size_t *)(context, &inputs);
  STATUS(INPUT, const void *, size_t, const void **)(context, 0, &first);
  STATUS(INPUT, const void *, size_t, const void **)(context, inputs - 1, &second); /* x + x has one input */
  STATUS(TENSOR_DATA, const void *, void *)(first, &a);
  STATUS(TENSOR_DATA, const void *, void *)(second, &b);
  STATUS(TYPE_AND_SHAPE, const void *, void **)(first, &shape);
  STATUS(ELEMENTS, const void *, size_t *)(shape, &count);
  STATUS(DIMENSIONS_COUNT, const void *, size_t *)(shape, &rank);
  STATUS(DIMENSIONS, const void *, int64_t *, size_t)(shape, sizes, rank);
  ((void (*)(void *))api[RELEASE_SHAPE])(shape);
  STATUS(OUTPUT, void *, size_t, const int64_t *, size_t, void **)(context, 0, sizes, rank, &output);
  STATUS(TENSOR_DATA, void *, void *)(output, &result);
  for (size_t i = 0; i < count; i++) result[i] = work->add ? a[i] + b[i] : a[i] > 0 ? a[i] : 0;
  return 0;
}

static const char *ep_name(const Ep *ep) { (void)ep; return "MadeExecutionProvider"; }

static Status capability(Ep *ep, const void *graph, void *support) {
  size_t count;
  const char *kind;
  (void)ep;
  STATUS(NODE_COUNT, const void *, size_t *)(graph, &count);
  const void **nodes = calloc(count + 1, sizeof(void *));
  STATUS(NODES, const void *, const void **, size_t)(graph, nodes, count);
  for (size_t at = 0; at < count; at++) {
    STATUS(OPERATOR, const void *, const char **)(nodes[at], &kind);
    if (!strcmp(kind, "Add") || !strcmp(kind, "Relu"))
      ((Status (*)(void *, const void *const *, size_t, const void *))ep_api[FUSE])(support, nodes + at, 1, 0);
  }
  free(nodes);
  return 0;
}

static Status compile(Ep *ep, const void **graphs, const void **fused, size_t count, Work **work, void **contexts) {
  const void *node;
  const char *kind;
  (void)ep; (void)fused; (void)contexts;
  for (size_t at = 0; at < count; at++) {
    STATUS(NODES, const void *, const void **, size_t)(graphs[at], &node, 1);
    STATUS(OPERATOR, const void *, const char **)(node, &kind);
    work[at] = calloc(1, sizeof(Work));
    *work[at] = (Work){VERSION, begin, compute, end, {0}, !strcmp(kind, "Add")};
  }
  return 0;
}

static void release_work(Ep *ep, Work **work, size_t count) {
  (void)ep;
  for (size_t at = 0; at < count; at++) free(work[at]);
}

static const char *name(const Factory *factory) { (void)factory; return "MadeExecutionProvider"; }
static const char *vendor(const Factory *factory) { (void)factory; return "tests"; }
static uint32_t vendor_id(const Factory *factory) { (void)factory; return 0; }
static const char *own_version(const Factory *factory) { (void)factory; return "0.1.0"; }

static Status devices(Factory *factory, const void *const *there, size_t count, void **found, size_t most, size_t *number) {
  *number = 0;
  for (size_t at = 0; at < count && *number < most; at++)
    if (((int (*)(const void *))api[DEVICE_TYPE])(there[at]) == 0) /* a processor */
      ((Status (*)(Factory *, const void *, const void *, const void *, void **))ep_api[CREATE_DEVICE])(
          factory, there[at], 0, 0, &found[(*number)++]);
  return 0;
}

static Status create(Factory *factory, const void *const *there, const void *const *facts, size_t count,
                     const void *options, const void *logger, Ep **ep) {
  (void)factory; (void)there; (void)facts; (void)count; (void)options; (void)logger;
  *ep = calloc(1, sizeof(Ep));
  **ep = (Ep){VERSION, ep_name, capability, compile, release_work, {0}};
  return 0;
}

static void release(Factory *factory, Ep *ep) { (void)factory; free(ep); }
static void release_allocator(Factory *factory, void *allocator) { (void)factory; (void)allocator; }
static _Bool streams(const Factory *factory) { (void)factory; return 0; }
static Status transfer(Factory *factory, void **made) { (void)factory; *made = 0; return 0; }

static Status allocator(Factory *factory, const void *memory, const void *options, void **made) {
  (void)factory; (void)memory; (void)options;
  *made = 0;
  return 0;
}

Status CreateEpFactories(const char *registered, const Base *base, const void *logger, Factory **factories, size_t most,
                         size_t *count) {
  static Factory made = {VERSION, name, vendor, devices, create, release, vendor_id, own_version, 0,
                         allocator, release_allocator, transfer, streams, {0}};
  (void)registered; (void)logger; (void)most;
  api = base->get(VERSION);
  ep_api = ((const Function *(*)(void))api[EP_API])();
  factories[0] = &made;
  *count = 1;
  return 0;
}

Status ReleaseEpFactory(Factory *factory) { (void)factory; return 0; }
