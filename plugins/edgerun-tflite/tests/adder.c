/* An external delegate of TensorFlow Lite for the tests: it takes float32 ADD operators and declines all others.
 *
 * Options: "factor" multiplies every sum, so that its work is seen in the result; "die" is "create" or "prepare", where
 * the process ends; "refuse" makes it fail to prepare. Any other option is an error.
 *
 * Written without TensorFlow's headers. The layouts are those of tensorflow/lite/core/c/common.h, which are stable by
 * its promise; only the fields up to the last one that is used here are declared, and room is left behind them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int size; int data[]; } Ints;
typedef struct { int type; void *data; Ints *dims; float scale; int zero; int allocation; size_t bytes; void *rest[8]; } Tensor;
typedef struct { Ints *inputs, *outputs, *intermediates, *temporaries; void *user, *builtin; } Node;
typedef struct Context Context;
typedef struct Delegate Delegate;
typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, Node *);
  int (*invoke)(Context *, Node *);
  const char *(*profiling)(const Context *, const Node *);
  int32_t builtin;
  const char *name;
  int version;
  void *rest[8];
} Registration;
struct Context {
  size_t tensors_size;
  int (*plan)(Context *, Ints **);
  Tensor *tensors;
  void *impl;
  int (*resize)(Context *, Tensor *, Ints *);
  void (*error)(Context *, const char *, ...);
  int (*add)(Context *, int, int *);
  int (*node)(Context *, int, Node **, Registration **);
  int (*replace)(Context *, Registration, const Ints *, Delegate *);
};
struct Delegate { void *data; int (*prepare)(Context *, Delegate *); void *copies[3]; int64_t flags; void *builder; };
typedef struct { Delegate *delegate; Ints *nodes, *inputs, *outputs; } Part;
typedef struct { int first, second, sum; } Addition;
typedef struct { int count; float factor; Addition list[]; } Work;
typedef struct { float factor; int die, refuse; } Settings;

enum { ADD = 0, FLOAT = 1 };

static void *begin(Context *context, const char *buffer, size_t length) {
  const Part *part = (const Part *)buffer;
  Work *work = malloc(sizeof(Work) + part->nodes->size * sizeof(Addition));
  (void)length;
  work->count = part->nodes->size;
  work->factor = ((Settings *)part->delegate->data)->factor;
  for (int at = 0; at < work->count; at++) {
    Node *node; Registration *kind;
    context->node(context, part->nodes->data[at], &node, &kind);
    work->list[at] = (Addition){node->inputs->data[0], node->inputs->data[1], node->outputs->data[0]};
  }
  return work;
}

static void end(Context *context, void *work) { (void)context; free(work); }
static int ready(Context *context, Node *node) { (void)context; (void)node; return 0; }

static int compute(Context *context, Node *node) {
  const Work *work = node->user;
  for (int at = 0; at < work->count; at++) {
    const Addition add = work->list[at];
    const float *a = context->tensors[add.first].data, *b = context->tensors[add.second].data;
    float *sum = context->tensors[add.sum].data;
    for (size_t i = 0; i < context->tensors[add.sum].bytes / sizeof(float); i++) sum[i] = (a[i] + b[i]) * work->factor;
  }
  return 0;
}

static int split(Context *context, Delegate *delegate) {
  const Settings *settings = delegate->data;
  Ints *plan;
  if (settings->die) abort();
  if (settings->refuse || context->plan(context, &plan)) return 1;
  Ints *mine = calloc(1, sizeof(Ints) + plan->size * sizeof(int));
  for (int at = 0; at < plan->size; at++) {
    Node *node; Registration *kind;
    if (context->node(context, plan->data[at], &node, &kind)) return 1;
    if (kind->builtin == ADD && context->tensors[node->outputs->data[0]].type == FLOAT) mine->data[mine->size++] = plan->data[at];
  }
  Registration kernel = {begin, end, ready, compute, 0, 0, "adder", 1, {0}};
  int status = context->replace(context, kernel, mine, delegate);
  free(mine);
  return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  Settings *settings = calloc(1, sizeof(Settings));
  settings->factor = 1;
  for (size_t at = 0; at < count; at++) {
    if (!strcmp(keys[at], "factor")) settings->factor = strtof(values[at], 0);
    else if (!strcmp(keys[at], "refuse")) settings->refuse = 1;
    else if (!strcmp(keys[at], "die") && !strcmp(values[at], "prepare")) settings->die = 1;
    else if (!strcmp(keys[at], "die")) abort();
    else { if (report) report("an option that it does not know"); return 0; }
  }
  Delegate *delegate = calloc(1, sizeof(Delegate) + 64);
  delegate->data = settings;
  delegate->prepare = split;
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) {
  if (delegate) free(delegate->data);
  free(delegate);
}
