// The API's own document, shown by Swagger UI. Tokens that are typed in stay in the page: nothing is kept when it is closed.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
