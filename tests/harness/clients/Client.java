// SPDX-License-Identifier: Apache-2.0
// Client.java LIST: plays LIST with java.net.http.HttpClient (see README.md).
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Client {
	private static final Duration TIMEOUT = Duration.ofSeconds(20);

	/** Java knows no environment variable for a CA: the testbed's goes into a key store. */
	private static SSLContext trusting(String file) throws IOException, GeneralSecurityException {
		KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
		TrustManagerFactory trust =
			TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		SSLContext context = SSLContext.getInstance("TLS");

		store.load(null, null);
		try (InputStream in = Files.newInputStream(Path.of(file))) {
			store.setCertificateEntry("testbed",
				CertificateFactory.getInstance("X.509").generateCertificate(in));
		}
		trust.init(store);
		context.init(null, trust.getTrustManagers(), null);
		return context;
	}

	private static String play(HttpClient client, String[] fields) throws InterruptedException {
		int size = Integer.parseInt(fields[2]);
		HttpRequest request = HttpRequest.newBuilder(URI.create(fields[1]))
			.timeout(TIMEOUT)
			.method(fields[0], size > 0 ? BodyPublishers.ofByteArray(new byte[size])
						    : BodyPublishers.noBody())
			.build();

		try {
			HttpResponse<byte[]> response = client.send(request, BodyHandlers.ofByteArray());
			return response.statusCode() + " "
				+ response.headers().firstValue("X-Served-By").orElse("-") + " "
				+ response.body().length;
		} catch (IOException error) {
			return "error " + error.getClass().getSimpleName() + " 0";
		}
	}

	public static void main(String[] arguments) throws Exception {
		String authority = System.getenv("SSL_CERT_FILE");
		HttpClient.Builder builder = HttpClient.newBuilder()
			.version(HttpClient.Version.HTTP_1_1)
			.connectTimeout(TIMEOUT);

		if (arguments.length != 1) {
			System.err.println("usage: java Client.java LIST");
			System.exit(2);
		}
		if (authority != null)
			builder.sslContext(trusting(authority));
		HttpClient client = builder.build();
		List<String> lines = Files.readAllLines(Path.of(arguments[0]));
		for (int i = 0; i < lines.size(); i++) {
			String[] fields = lines.get(i).split(" ");

			if (fields.length != 3 || !fields[2].matches("\\d{1,9}")) {
				System.err.printf("Client.java: %s: line %d: not METHOD URL BODYSIZE%n",
						  arguments[0], i + 1);
				System.exit(2);
			}
			System.out.println(play(client, fields));
		}
	}
}
