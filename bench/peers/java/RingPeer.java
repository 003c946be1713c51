/* SPDX-License-Identifier: Apache-2.0 */
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * A ring of Java as a contender of `weir bench ring`: the other end of bench/ring_child.h, on its
 * standard input and output until the input ends.
 *
 * <p>Each cell has a class loader of its own, and with it copies of its own of all classes below,
 * the library's included: what the compiler learns in one cell (which classes come by, how long a
 * batch is) is not there in another, as if each had a process to itself.
 *
 * <p>Usage: RingPeer CLASSES CONTENDER [JAR]...
 */
final class RingPeer {
	private final URL[] classes;
	private final String contender;
	private final Map<String, UnaryOperator<String>> cells = new HashMap<>();
	private UnaryOperator<String> current;

	private RingPeer(String[] arguments) throws IOException {
		contender = arguments[1];
		classes = new URL[arguments.length - 1];
		classes[0] = new File(arguments[0]).toURI().toURL();
		for (int i = 2; i < arguments.length; i++)
			classes[i - 1] = new File(arguments[i]).toURI().toURL();
	}

	/** Cell's constants are read from this property when the loader first meets the class. */
	@SuppressWarnings("unchecked")
	private UnaryOperator<String> load(String cell) throws ReflectiveOperationException {
		System.setProperty("weir.cell", cell);
		ClassLoader loader = new URLClassLoader(classes, ClassLoader.getPlatformClassLoader());
		return (UnaryOperator<String>)
			loader.loadClass("CellRun").getConstructor(String.class).newInstance(contender);
	}

	/** "run CELL... LENGTH_NS WARM_NS" or "go". */
	private String answer(String line) throws ReflectiveOperationException {
		if (line.startsWith("run ")) {
			String[] words = line.split(" ", 10);
			String cell = line.substring(4, line.length() - words[9].length() - 1);
			current = cells.get(cell);
			if (current == null)
				cells.put(cell, current = load(cell));
			return current.apply(words[9]);
		}
		if (line.equals("go") && current != null)
			return current.apply(line);
		return "error not a request: " + line;
	}

	public static void main(String[] arguments) throws IOException {
		PrintStream out = new PrintStream(System.out, true, StandardCharsets.US_ASCII);
		/* What a library has to say is no answer. */
		System.setOut(System.err);
		BufferedReader in = new BufferedReader(
			new InputStreamReader(System.in, StandardCharsets.US_ASCII));
		RingPeer peer = new RingPeer(arguments);
		out.print("weir-ring-peer 1\n");
		out.flush();
		for (String line = in.readLine(); line != null; line = in.readLine()) {
			String said;
			try {
				said = peer.answer(line);
			} catch (ReflectiveOperationException | LinkageError | OutOfMemoryError |
				 IllegalStateException e) {
				Throwable cause = e.getCause() != null ? e.getCause() : e;
				said = "error " + cause.toString().replace('\n', ' ');
			}
			out.print(said + "\n");
			out.flush();
		}
	}
}
