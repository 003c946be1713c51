/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of Java, each in a virtual machine of its own (bench/ring_child.h, java/RingPeer.java).
 * Compiled once for each: RING_JAVA is which. The build gives the program `java`, the folder of the
 * classes and the library's jar.
 *
 * Options: no collector's work falls into a run, since nothing is allocated there. What is left of
 * one is the mark that a reference's store leaves: UseCondCardMark keeps two threads from writing
 * one line of marks in turn. Agrona's documentation says to switch its bounds checks off, and to
 * open the package that it reaches into.
 *
 * Thread: as in bench/ring.h.
 */
#include "bench/ring_child.h"

#define JAVA_DISRUPTOR 1
#define JAVA_JCTOOLS 2
#define JAVA_AGRONA_QUEUE 3
#define JAVA_AGRONA_RING 4

#define JAVA_OPTIONS(OPTION)                                                                       \
	OPTION("-XX:+UseParallelGC")                                                               \
	OPTION("-XX:+UseCondCardMark")                                                             \
	OPTION("-Xms512m")                                                                         \
	OPTION("-Xmn256m")                                                                         \
	JAVA_OPTIONS_OF_LIBRARY(OPTION)

#if RING_JAVA == JAVA_DISRUPTOR
#define JAVA_PEER ring_peer_java_disruptor
#define JAVA_NAME "LMAX Disruptor"
#define JAVA_CLASS "DisruptorRing"
#define JAVA_SHAPES                                                                                \
	(RING_SHAPE_BIT(RING_SPSC) | RING_SHAPE_BIT(RING_MPSC) | RING_SHAPE_BIT(RING_MULTICAST))
#define JAVA_DIFFERS "consumers take what is there, whatever the batch"
#elif RING_JAVA == JAVA_JCTOOLS
#define JAVA_PEER ring_peer_java_jctools
#define JAVA_NAME "JCTools"
#define JAVA_CLASS "JctoolsQueue"
#define JAVA_SHAPES JAVA_SHAPES_SHARING
#define JAVA_DIFFERS "references to arrays of a pool"
#elif RING_JAVA == JAVA_AGRONA_QUEUE
#define JAVA_PEER ring_peer_java_agrona_queue
#define JAVA_NAME "Agrona queues"
#define JAVA_CLASS "AgronaQueue"
#define JAVA_SHAPES JAVA_SHAPES_SHARING
#define JAVA_DIFFERS "references to arrays of a pool; no batches of producers"
#else
#define JAVA_PEER ring_peer_java_agrona_ring
#define JAVA_NAME "Agrona ring buffers"
#define JAVA_CLASS "AgronaRing"
#define JAVA_SHAPES (RING_SHAPE_BIT(RING_SPSC) | RING_SHAPE_BIT(RING_MPSC))
#define JAVA_DIFFERS "the next power of two of bytes; no batches of producers"
#endif

#define JAVA_SHAPES_SHARING                                                                        \
	(RING_SHAPE_BIT(RING_SPSC) | RING_SHAPE_BIT(RING_MPSC) | RING_SHAPE_BIT(RING_SPMC) |       \
	 RING_SHAPE_BIT(RING_MPMC))

#if RING_JAVA == JAVA_AGRONA_QUEUE || RING_JAVA == JAVA_AGRONA_RING
#define JAVA_OPTIONS_OF_LIBRARY(OPTION)                                                            \
	OPTION("-Dagrona.disable.bounds.checks=true")                                              \
	OPTION("--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED")
#else
#define JAVA_OPTIONS_OF_LIBRARY(OPTION)
#endif

#define AS_ARGUMENT(option) option,
#define AS_TEXT(option) " " option

static const char *const command[] = {
	RING_JAVA_PROGRAM,     JAVA_OPTIONS(AS_ARGUMENT) "-cp",
	RING_JAVA_CLASSES,     "RingPeer",
	RING_JAVA_CLASSES "/", JAVA_CLASS,
	RING_JAVA_JAR,         NULL,
};

static struct ring_child machine = {
	.argv = command, .patience_ns = RING_CHILD_PATIENCE_NS, .warm_least_ns = 60000000};

static bool java_has(const struct ring_cell *cell)
{
	return (JAVA_SHAPES & RING_SHAPE_BIT(cell->shape)) != 0;
}

static int java_run(struct ring_run *run)
{
	return ring_child_run(&machine, run);
}

static void java_end(void)
{
	ring_child_close(&machine);
}

extern const struct ring_peer JAVA_PEER;
const struct ring_peer JAVA_PEER = {
	.name = JAVA_NAME,
	.version = RING_PEER_VERSION,
	.package = RING_JAVA_PACKAGE,
	.flags = RING_PEER_FLAGS JAVA_OPTIONS(AS_TEXT),
	.differs = JAVA_DIFFERS,
	.has = java_has,
	.run = java_run,
	.end = java_end,
};
